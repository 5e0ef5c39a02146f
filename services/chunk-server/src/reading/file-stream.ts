/**
 * The bytes of a range of a file, piece by piece. For a reader that takes them, the next piece is fetched while one is being
 * sent; what is fetched ahead is dropped again if a reader takes nothing and others need the memory (read-permits.ts).
 * Written as an iterator by hand: nested generators cost a small read more than its disk access.
 *
 * Who owns a piece: its buffer is lent (buffer-pool.ts) to whoever iterates, from the moment `next` gives it until the next
 * call of `next` or `return`, and to nobody else. Those two calls are the iterator's word that the kernel has all of it.
 * Only there is it given back; neither a failure nor a lack of memory takes away a piece that is being sent.
 */
import { type ByteRange, type FileInfo, type FoundFile, type LocatedChunk } from '@dfs/protocol'
import { BLOCK_BYTES } from '@dfs/volume'
import { type LoanedBytes } from './buffer-pool.ts'
import { type ReadPermit, type ReadPermits, type ReadStream } from './read-permits.ts'

/** One chunk's part of what was asked, and who has it. */
export interface Step {
  readonly chunk: LocatedChunk
  readonly servers: readonly number[]
  /** Who had it and has it no more. */
  readonly lostOn: readonly number[]
  readonly from: number
  readonly to: number
}

export interface FileStreamDeps {
  readonly permits: ReadPermits
  readonly read: (step: Step) => Promise<LoanedBytes>
  /** The chunks from a byte on; throws if none holds it. */
  readonly page: (info: FileInfo, fromByte: number) => Promise<FoundFile>
  /** The reader has taken nothing for long and is in the way of others: it should stop, and call `return`. */
  readonly onEnd: () => void
}

/** A piece that is being fetched, or is here. */
interface Fetch {
  readonly loan: Promise<LoanedBytes>
  readonly permit: ReadPermit
  /** Where the stream stood before it. */
  readonly at: number
  readonly index: number
}

const DONE: IteratorResult<Uint8Array, undefined> = Object.freeze({ done: true, value: undefined })

/** Calls of `next` must not overlap. */
export class FileStream implements AsyncIterableIterator<Uint8Array, undefined>, ReadStream {
  readonly #deps: FileStreamDeps
  readonly #start: number
  readonly #end: number
  #at: number
  #page: FoundFile
  /** Where in the page to look next. */
  #index = 0
  #current: { readonly loan: LoanedBytes; readonly permit: ReadPermit } | null = null
  #ahead: Fetch | null = null
  #state: 'new' | 'open' | 'over' = 'new'

  /** `found` has the first chunks of the file. */
  constructor(found: FoundFile, range: ByteRange, deps: FileStreamDeps) {
    this.#deps = deps
    this.#page = found
    this.#start = range.start
    this.#at = range.start
    this.#end = range.end
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#state === 'new') this.#open()
    this.#takeBackCurrent()
    const isFirst = this.#at === this.#start
    if (this.#state === 'over' || (this.#ahead === null && this.#at >= this.#end)) return this.return()
    try {
      const fetch = this.#takeAhead() ?? (await this.#fetchNext())
      // Whoever has not taken a piece yet may never do so.
      if (!isFirst) this.#fetchAhead()
      await this.#lend(fetch)
    } catch (error) {
      await this.return()
      throw error
    }
    return { done: false, value: this.#current!.loan.bytes }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#takeBackCurrent()
    this.dropAhead()
    if (this.#state === 'open') this.#deps.permits.leave(this)
    this.#state = 'over'
    return DONE
  }

  dropAhead(): number {
    const ahead = this.#takeAhead()
    if (ahead === null) return 0
    this.#at = ahead.at
    this.#index = ahead.index
    giveBack(ahead)
    return ahead.permit.bytes
  }

  end(): void {
    this.#deps.onEnd()
  }

  #open(): void {
    this.#state = 'open'
    this.#deps.permits.join()
  }

  #takeBackCurrent(): void {
    if (this.#current === null) return
    const { loan, permit } = this.#current
    this.#current = null
    this.#deps.permits.noteTaken(this)
    loan.release()
    permit.release()
  }

  #takeAhead(): Fetch | null {
    const ahead = this.#ahead
    this.#ahead = null
    return ahead
  }

  async #lend({ loan, permit }: Fetch): Promise<void> {
    try {
      this.#current = { loan: await loan, permit }
    } catch (error) {
      permit.release()
      throw error
    }
    this.#deps.permits.noteLent(this)
  }

  async #fetchNext(): Promise<Fetch> {
    const taken = this.#deps.permits.take(this.#wanted())
    const permit = taken instanceof Promise ? await taken : taken
    try {
      return this.#fetch(permit) ?? (await this.#fetchBeyondPage(permit))
    } catch (error) {
      permit.release()
      throw error
    }
  }

  async #fetchBeyondPage(permit: ReadPermit): Promise<Fetch> {
    this.#page = await this.#deps.page(this.#page.info, this.#at)
    this.#index = 0
    return this.#fetch(permit)!
  }

  /** Nothing if others wait for memory, or if nobody knows yet what comes next. */
  #fetchAhead(): void {
    if (this.#at >= this.#end) return
    const permit = this.#deps.permits.takeAhead(this.#wanted())
    if (permit === null) return
    this.#ahead = this.#fetch(permit)
    if (this.#ahead === null) permit.release()
    // Its failure is seen when its turn comes, not before.
    else this.#ahead.loan.catch(() => undefined)
  }

  #wanted(): number {
    return Math.min(this.#deps.permits.pieceBytes(this.#at - this.#start), this.#end - this.#at)
  }

  /** Null if the page has no chunk with the next byte. */
  #fetch(permit: ReadPermit): Fetch | null {
    const { read } = this.#deps
    const at = this.#at
    const step = this.#takeStep(permit.bytes)
    return step === null ? null : { loan: read(step), permit, at, index: this.#index }
  }

  /** The part of the chunk that holds the next byte, up to the end of a block so that no block is read twice. */
  #takeStep(bytes: number): Step | null {
    const { chunks, locations, lostOn } = this.#page
    for (; this.#index < chunks.length; this.#index += 1) {
      const chunk = chunks[this.#index]!
      const chunkEnd = chunk.start + chunk.length
      if (this.#at < chunk.start || this.#at >= chunkEnd) continue
      const from = this.#at - chunk.start
      this.#at = Math.min(this.#end, chunkEnd, chunk.start + endOfPiece(from, bytes))
      const [servers = [], lost = []] = [locations.get(chunk.volume), lostOn.get(chunk.volume)]
      return { chunk, servers, lostOn: lost, from, to: this.#at - chunk.start }
    }
    return null
  }
}

const endOfPiece = (from: number, bytes: number): number =>
  Math.ceil((from + bytes) / BLOCK_BYTES) * BLOCK_BYTES

function giveBack({ loan, permit }: Fetch): void {
  const release = (): void => permit.release()
  loan.then((bytes) => bytes.release()).then(release, release)
}
