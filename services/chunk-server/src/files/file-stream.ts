/**
 * The bytes of a range of a file, chunk by chunk, the next one fetched while one is being sent. Written as an iterator by
 * hand: nested generators cost a small read more than its disk access.
 */
import { type FileInfo, type FoundFile, type LocatedChunk } from '@dfs/protocol'
import { type ByteRange } from '@dfs/public-api'
import { type LoanedBytes } from './buffer-pool.ts'

/** One chunk's part of what was asked, and who has it. */
export interface Step {
  readonly chunk: LocatedChunk
  readonly servers: readonly number[]
  readonly from: number
  readonly to: number
}

export interface FileStreamDeps {
  readonly read: (step: Step) => Promise<LoanedBytes>
  /** The chunks from a byte on; throws where none holds it. */
  readonly page: (info: FileInfo, fromByte: number) => Promise<FoundFile>
}

const DONE: IteratorResult<Uint8Array, undefined> = Object.freeze({ done: true, value: undefined })

/** A piece stays valid until the next one is asked for. Calls of `next` must not overlap. */
export class FileStream implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #deps: FileStreamDeps
  readonly #end: number
  #at: number
  #page: FoundFile
  /** Where in the page to look next. */
  #index = 0
  #current: LoanedBytes | null = null
  #following: Promise<LoanedBytes> | null = null
  #isStarted = false
  /** While further chunks are looked up, nobody knows what comes after the next one. */
  #isPaging = false

  /** `found` has the first chunks of the file. */
  constructor(found: FoundFile, range: ByteRange, deps: FileStreamDeps) {
    this.#deps = deps
    this.#page = found
    this.#at = range.start
    this.#end = range.end
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#releaseCurrent()
    if (!this.#isStarted) this.#fetchFollowing()
    this.#isStarted = true
    const fetching = this.#following
    if (fetching === null) return DONE
    this.#following = null
    if (!this.#isPaging) this.#fetchFollowing()
    this.#current = await this.#orEnd(fetching)
    if (this.#following === null) this.#fetchFollowing()
    return { done: false, value: this.#current.bytes }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#releaseCurrent()
    this.#at = this.#end
    void this.#following?.then(
      (loan) => loan.release(),
      () => undefined,
    )
    this.#following = null
    return DONE
  }

  /** After a failure nobody asks for more: what was fetched ahead is given back. */
  async #orEnd(fetching: Promise<LoanedBytes>): Promise<LoanedBytes> {
    try {
      return await fetching
    } catch (error) {
      await this.return()
      throw error
    }
  }

  #releaseCurrent(): void {
    this.#current?.release()
    this.#current = null
  }

  #fetchFollowing(): void {
    if (this.#at >= this.#end) return
    const step = this.#takeStep()
    this.#following = step === null ? this.#readBeyondPage() : this.#deps.read(step)
    // Its failure is seen when its turn comes, not before.
    this.#following.catch(() => undefined)
  }

  async #readBeyondPage(): Promise<LoanedBytes> {
    this.#isPaging = true
    this.#page = await this.#deps.page(this.#page.info, this.#at)
    this.#index = 0
    this.#isPaging = false
    return await this.#deps.read(this.#takeStep()!)
  }

  /** The part of the chunk that holds the next byte; null where the page has no such chunk. */
  #takeStep(): Step | null {
    const { chunks, locations } = this.#page
    for (; this.#index < chunks.length; this.#index += 1) {
      const chunk = chunks[this.#index]!
      const chunkEnd = chunk.start + chunk.length
      if (this.#at < chunk.start || this.#at >= chunkEnd) continue
      const from = this.#at - chunk.start
      this.#at = Math.min(this.#end, chunkEnd)
      return { chunk, servers: locations.get(chunk.volume) ?? [], from, to: this.#at - chunk.start }
    }
    return null
  }
}
