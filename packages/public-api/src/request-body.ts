/**
 * A request's body as a {@link BodySource}: the pieces that Node's parser makes, handed on without a copy. The stream
 * flows while somebody takes its pieces and is paused beyond a high-water mark, so a slow disk slows the sender down.
 *
 * It also knows what to do with a body that nobody wants any more. Closing at once would lose the answer (the kernel
 * resets a connection that is closed with unread bytes), reading it all would be a gift to whoever sends terabytes: so a
 * bounded amount is read and dropped, for a bounded time, and then the connection is closed.
 *
 * Refused: `readable.read()`, which copies waiting pieces together, and async iteration, three promises a piece.
 */
import { type BodySource, DfsError, FILE_BYTES_MAX, KIB, MIB } from '@dfs/protocol'
import { type IncomingMessage } from 'node:http'
import { type BodyWatch, type Watch } from './body-watch.ts'

/** Bytes that may wait for the reader before the sender is slowed down; one socket buffer may come on top. */
const HIGH_WATER_BYTES = 256 * KIB
/** A body that pauses for longer while it is waited for is given up. */
const PAUSE_MS_MAX = 30_000
/** What is read of an unwanted body, and how long its sender has to notice the answer. */
const DISCARD_BYTES_MAX = MIB
const DISCARD_MS = 5000

export interface RequestBodyOptions {
  readonly watch: BodyWatch
  /** Sends `100 Continue`; null if the client does not wait for it. */
  readonly askForBody: (() => void) | null
  readonly bytesMax?: number
}

type State = 'idle' | 'open' | 'ended' | 'failed' | 'discarding'

/** Whether the head announces a body. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined ||
  (headers['content-length'] !== undefined && Number(headers['content-length']) > 0)

export class RequestBody implements BodySource {
  /** Content-Length, or null. */
  readonly declaredSize: number | null
  readonly #raw: IncomingMessage
  readonly #options: RequestBodyOptions
  #state: State
  #failure: Error | null = null
  #received = 0
  #pieces: Uint8Array[] = []
  #waitingBytes = 0
  #reader: PromiseWithResolvers<Uint8Array | null> | null = null
  #pause: Watch | null = null

  constructor(raw: IncomingMessage, options: RequestBodyOptions) {
    this.#raw = raw
    this.#options = options
    this.declaredSize = hasBody(raw)
      ? raw.headers['transfer-encoding'] === undefined
        ? Number(raw.headers['content-length'])
        : null
      : 0
    this.#state = this.declaredSize === 0 ? 'ended' : 'idle'
  }

  /** Whether the client still waits for `100 Continue`: then it must be told that the connection closes. */
  get isAwaited(): boolean {
    return this.#state === 'idle' && this.#options.askForBody !== null
  }

  /** Bytes that have come so far. */
  get receivedBytes(): number {
    return this.#received
  }

  next(): Promise<Uint8Array | null> {
    if (this.#state === 'idle') this.#open()
    const piece = this.#pieces.shift()
    if (piece !== undefined) {
      this.#waitingBytes -= piece.byteLength
      if (this.#waitingBytes === 0 && this.#raw.isPaused()) this.#raw.resume()
      return Promise.resolve(piece)
    }
    if (this.#failure !== null) return Promise.reject(this.#failure)
    if (this.#state === 'ended') return Promise.resolve(null)
    this.#reader = Promise.withResolvers()
    this.#pause = this.#options.watch.add(PAUSE_MS_MAX, () => {
      this.#fail(new DfsError('REQUEST_TIMEOUT', `the body paused for ${PAUSE_MS_MAX / 1000} s`))
    })
    return this.#reader.promise
  }

  /**
   * Whether its rest may not be there while a body that nobody wants is still read: more is to come than that, or its client
   * has paused when the answer was made. No other request can follow it.
   */
  get isBeyondDiscard(): boolean {
    if (this.#raw.complete) return false
    if (this.#reader !== null || this.#state === 'failed') return true
    return this.declaredSize === null || this.declaredSize - this.#received > DISCARD_BYTES_MAX
  }

  /**
   * Reads on for a while and drops what comes; for a body that the answer does not depend on. One that
   * {@link isBeyondDiscard} ends the connection, perhaps after the next request has begun: its client must be told that none may follow.
   * Idempotent.
   */
  discard(): void {
    if (this.#state === 'ended' || this.#state === 'discarding' || this.#raw.destroyed) return
    const isNew = this.#state === 'idle'
    this.#state = 'discarding'
    this.#pieces = []
    const end = this.#options.watch.add(DISCARD_MS, () => this.#raw.destroy())
    this.#raw.once('end', () => this.#options.watch.forget(end))
    this.#raw.once('close', () => this.#options.watch.forget(end))
    const already = this.#received
    this.#raw.on('data', (piece: Uint8Array) => {
      if (isNew) this.#received += piece.byteLength
      if (this.#received - already > DISCARD_BYTES_MAX) this.#raw.pause()
    })
    this.#raw.resume()
  }

  #open(): void {
    this.#state = 'open'
    this.#options.askForBody?.()
    this.#raw.on('data', this.#onPiece)
    this.#raw.on('end', this.#onEnd)
    this.#raw.on('close', this.#onClose)
  }

  readonly #onPiece = (piece: Uint8Array): void => {
    this.#received += piece.byteLength
    if (this.#state !== 'open') return
    const { bytesMax = FILE_BYTES_MAX } = this.#options
    if (this.#received > bytesMax) {
      this.#fail(new DfsError('PAYLOAD_TOO_LARGE', `the limit is ${bytesMax} bytes`))
      return
    }
    // The parser has made sure that nothing follows, so the end need not be waited for.
    if (this.#received === this.declaredSize) this.#state = 'ended'
    if (this.#reader !== null) {
      this.#answer().resolve(piece)
      return
    }
    this.#pieces.push(piece)
    this.#waitingBytes += piece.byteLength
    if (this.#waitingBytes >= HIGH_WATER_BYTES) this.#raw.pause()
  }

  readonly #onEnd = (): void => {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    if (this.#reader !== null) this.#answer().resolve(null)
  }

  readonly #onClose = (): void => {
    // Every request closes; to make an error costs more than to read a small body.
    if (this.#state !== 'open') return
    this.#fail(new DfsError('LENGTH_MISMATCH', 'the connection closed before the end of the body'))
  }

  #fail(error: Error): void {
    if (this.#state !== 'open') return
    this.#state = 'failed'
    this.#failure = error
    if (this.#reader !== null) this.#answer().reject(error)
  }

  #answer(): PromiseWithResolvers<Uint8Array | null> {
    const reader = this.#reader!
    this.#reader = null
    if (this.#pause !== null) this.#options.watch.forget(this.#pause)
    this.#pause = null
    return reader
  }
}
