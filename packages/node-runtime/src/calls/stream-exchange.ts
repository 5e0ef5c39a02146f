/**
 * One streamed call, at its caller. The peer gives credit as it has room; so much of the stream is asked of its source and
 * sent, never more, so what waits in the socket is bounded by the window without a look at the socket. The timer runs
 * only while it is the peer's turn.
 */
import { Outcome, type StreamOptions, type StreamRequest, TransportError, type WireReply } from '@dfs/core'
import { type Exchange, type Line } from './call-exchange.ts'
import { FRAME } from './frame.ts'
import { encodeRequestHead } from './request-head.ts'

export class StreamExchange implements Exchange {
  readonly #request: StreamRequest
  readonly #what: string
  readonly #options: StreamOptions
  readonly #outcome = new Outcome<WireReply>(() => clearTimeout(this.#timer))
  #timer: NodeJS.Timeout | undefined
  /** The connection on which it was sent; null before that. */
  #line: Line | null = null
  #credit = 0
  /** What of the last piece was more than the credit. */
  #rest: Uint8Array | null = null
  #sentBytes = 0
  #isSending = false
  #isAllSent = false

  constructor(request: StreamRequest, address: string, options: StreamOptions) {
    this.#request = request
    this.#what = `${request.route} at ${address}`
    this.#options = options
    this.#expectPeer()
    const { signal } = options
    this.#outcome.abortedBy(signal, () => this.fail('the caller gave up', signal?.reason))
  }

  get reply(): Promise<WireReply> {
    return this.#outcome.promise
  }

  get isSettled(): boolean {
    return this.#outcome.isSettled
  }

  begin(line: Line): void {
    this.#line = line
    line.write(FRAME.stream, encodeRequestHead(this.#request), this.#request.body)
    this.#expectPeer()
  }

  onCredit(bytes: number): void {
    this.#credit += bytes
    if (!this.#isSending && !this.#isAllSent) void this.#send()
  }

  /** An answer that comes before the end leaves a connection on which nobody knows what follows. */
  succeed(reply: WireReply): boolean {
    this.#outcome.resolve(reply)
    return this.#isAllSent
  }

  fail(reason: string, cause?: unknown): void {
    const wasSent = this.#line !== null
    this.#failWith(new TransportError(`${this.#what}: ${reason}`, { wasSent, cause }))
  }

  /** Sends as long as there is credit. Never rejects. */
  async #send(): Promise<void> {
    this.#isSending = true
    this.#expectNobody()
    try {
      while (this.#credit > 0 && !this.#isAllSent) {
        const piece = this.#rest ?? (await this.#request.stream.next())
        if (this.isSettled) return
        if (piece === null) this.#sendEnd()
        else this.#sendPiece(piece)
      }
    } catch (error) {
      this.#failWith(error)
      return
    }
    this.#isSending = false
    this.#expectPeer()
  }

  #sendPiece(piece: Uint8Array): void {
    const part = piece.byteLength <= this.#credit ? piece : piece.subarray(0, this.#credit)
    this.#rest = part.byteLength < piece.byteLength ? piece.subarray(part.byteLength) : null
    this.#credit -= part.byteLength
    this.#sentBytes += part.byteLength
    this.#line?.write(FRAME.piece, '', [part])
  }

  #sendEnd(): void {
    this.#isAllSent = true
    this.#line?.write(FRAME.end, String(this.#sentBytes), [])
  }

  #expectPeer(): void {
    clearTimeout(this.#timer)
    if (this.isSettled) return
    const { silenceMs } = this.#options
    this.#timer = setTimeout(() => this.fail(`the peer was silent for ${silenceMs} ms`), silenceMs)
  }

  #expectNobody(): void {
    clearTimeout(this.#timer)
  }

  #failWith(error: unknown): void {
    if (this.#outcome.reject(error)) this.#line?.close()
  }
}
