/**
 * The bytes of a log on another server, from one place to another, in pieces: while one is looked at the next ones are on
 * their way, and no more than those. Whoever takes them checks them; whoever stops closes it.
 */
import { byteCount, type Clock, type Transport } from '@dfs/core'
import { callMethod, DfsError, readBytes, type ReadRequest } from '@dfs/protocol'
import { type ServerDirectory } from '../master/server-directory.ts'

/** Reads from one server. Rejects with DfsError or TransportError. */
export type ReadFromServer = (
  server: number,
  request: ReadRequest,
  signal: AbortSignal,
) => Promise<readonly Uint8Array[]>

/** Whether a source has answered, and does not have these bytes, or cannot read them; it may have others. */
export const isAboutBytes = (error: unknown): error is DfsError =>
  error instanceof DfsError && (error.code === 'DAMAGED' || error.code === 'BEYOND_LENGTH')

/** As it is done between nodes; an answer that is not all that was asked for is no answer. */
export const readRemotely =
  (transport: Transport, directory: Pick<ServerDirectory, 'addressOf'>, timeoutMs: number): ReadFromServer =>
  async (server, request, signal) => {
    const address = directory.addressOf(server)
    const pieces = await callMethod(transport, address, readBytes, request, { timeoutMs, signal })
    if (byteCount(pieces) === request.size) return pieces
    throw new DfsError('BEYOND_LENGTH', `server ${server} gave ${byteCount(pieces)} of ${request.size} bytes`)
  }

export interface SourceStreamOptions {
  readonly clock: Clock
  readonly read: ReadFromServer
  readonly server: number
  readonly volume: number
  readonly from: number
  readonly to: number
  readonly pieceBytes: number
  /** Pieces that are asked for before the last one was looked at. */
  readonly ahead: number
  /** Ends the calls under way when whatever this is for ends. */
  readonly signal: AbortSignal
}

export interface SourcePiece {
  readonly pieces: readonly Uint8Array[]
  readonly byteLength: number
  readonly tookMs: number
}

export class SourceStream {
  readonly server: number
  readonly #options: SourceStreamOptions
  readonly #closed = new AbortController()
  readonly #close = (): void => this.#closed.abort(CLOSED)
  readonly #underWay: Promise<SourcePiece>[] = []
  /** Up to where pieces were asked for. */
  #askedTo: number

  constructor(options: SourceStreamOptions) {
    this.#options = options
    this.server = options.server
    this.#askedTo = options.from
    if (options.signal.aborted) this.#close()
    options.signal.addEventListener('abort', this.#close)
  }

  /** The next piece, in order; to be called only while there is one. Rejects as the read does: then it is of no use any more. */
  async next(): Promise<SourcePiece> {
    this.#ask(this.#options.ahead + 1)
    const piece = await this.#underWay.shift()!
    this.#ask(this.#options.ahead)
    return piece
  }

  /** Nothing is on its way any more. Idempotent. */
  close(): void {
    this.#options.signal.removeEventListener('abort', this.#close)
    this.#close()
    this.#underWay.length = 0
  }

  #ask(count: number): void {
    const { to, pieceBytes } = this.#options
    while (this.#underWay.length < count && this.#askedTo < to) {
      const size = Math.min(pieceBytes, to - this.#askedTo)
      const reading = this.#read(this.#askedTo, size)
      // Whoever takes it hears of it; one that is never taken is nobody's trouble.
      reading.catch(() => {})
      this.#underWay.push(reading)
      this.#askedTo += size
    }
  }

  async #read(offset: number, size: number): Promise<SourcePiece> {
    const { clock, read, server, volume } = this.#options
    const fromMs = clock.monotonicMs()
    const pieces = await read(server, { volume, offset, size }, this.#closed.signal)
    return { pieces, byteLength: size, tookMs: clock.monotonicMs() - fromMs }
  }
}

/** Made once, since an error with its stack is expensive. */
const CLOSED = new Error('nobody waits for these bytes any more')
