/**
 * The stream of a streamed call where it arrives. The first `next` gives the caller credit for a window of bytes, and what
 * is taken is given again in halves of it, so no more than a window is ever kept here. A stream is whole only by its end
 * frame: a connection that breaks before makes it fail, however many bytes have come.
 */
import { type ByteSource, TransportError } from '@dfs/core'
import { FrameError } from './frame.ts'

/** What one stream may keep at its receiver. */
export const STREAM_WINDOW_BYTES = 256 * 1024

export class InboundBody implements ByteSource {
  readonly #giveCredit: (bytes: number) => void
  readonly #gone = new AbortController()
  /** Credit that the caller has not used. */
  #credit = 0
  /** Taken since credit was given. */
  #takenBytes = 0
  #receivedBytes = 0
  #pieces: Uint8Array[] = []
  #state: 'idle' | 'open' | 'ended' | 'broken' = 'idle'
  #reader: PromiseWithResolvers<Uint8Array | null> | null = null

  constructor(giveCredit: (bytes: number) => void) {
    this.#giveCredit = giveCredit
  }

  /** Aborted when the caller is gone. */
  get signal(): AbortSignal {
    return this.#gone.signal
  }

  get hasEnded(): boolean {
    return this.#state === 'ended'
  }

  next(): Promise<Uint8Array | null> {
    if (this.#state === 'broken') return Promise.reject(broken())
    if (this.#state === 'idle') this.#open()
    const piece = this.#pieces.shift()
    if (piece !== undefined) {
      this.#take(piece.byteLength)
      return Promise.resolve(piece)
    }
    if (this.#state === 'ended') return Promise.resolve(null)
    this.#reader = Promise.withResolvers()
    return this.#reader.promise
  }

  /** Throws {@link FrameError} for what was not asked for. */
  push(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (this.#state !== 'open' || piece.byteLength > this.#credit) {
        throw new FrameError('more of a stream than was asked for')
      }
      this.#credit -= piece.byteLength
      this.#receivedBytes += piece.byteLength
      const reader = this.#reader
      if (reader === null) this.#pieces.push(piece)
      else {
        this.#reader = null
        this.#take(piece.byteLength)
        reader.resolve(piece)
      }
    }
  }

  /** Throws {@link FrameError} if the caller has sent another number of bytes than have come. */
  end(sentBytes: number): void {
    if (this.#state !== 'open' || sentBytes !== this.#receivedBytes) {
      throw new FrameError(`the end of a stream of ${sentBytes} bytes after ${this.#receivedBytes}`)
    }
    this.#state = 'ended'
    this.#reader?.resolve(null)
    this.#reader = null
  }

  /** The caller is gone: what is missing never comes, and nobody waits for the answer. Idempotent. */
  break(): void {
    if (this.#state !== 'ended') this.#state = 'broken'
    this.#pieces = this.#state === 'ended' ? this.#pieces : []
    this.#reader?.reject(broken())
    this.#reader = null
    this.#gone.abort(broken())
  }

  #open(): void {
    this.#state = 'open'
    this.#give(STREAM_WINDOW_BYTES)
  }

  #take(bytes: number): void {
    this.#takenBytes += bytes
    if (this.#state !== 'open' || this.#takenBytes < STREAM_WINDOW_BYTES / 2) return
    const given = this.#takenBytes
    this.#takenBytes = 0
    this.#give(given)
  }

  #give(bytes: number): void {
    this.#credit += bytes
    this.#giveCredit(bytes)
  }
}

const broken = (): TransportError => new TransportError('the stream broke before its end', { wasSent: true })
