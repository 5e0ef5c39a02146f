/**
 * One call from its start to its answer. It settles once, by whatever comes first: the answer, an error, the deadline or
 * the caller's signal; what comes later is dropped, with the connection if the answer was still to come.
 */
import { type CallOptions, TransportError, type WireReply, type WireRequest } from '@dfs/core'
import { FRAME, FrameError } from './frame.ts'
import { encodeRequestHead } from './request-head.ts'

/** The caller's end of the connection on which an exchange takes place. */
export interface Line {
  write(kind: number, head: string, body: readonly Uint8Array[]): void
  /** Idempotent. */
  close(): void
}

/** What a connection carries, one at a time: a call, or a streamed one (stream-exchange.ts). */
export interface Exchange {
  readonly isSettled: boolean
  /** Sends the request. From here on it may be carried out. */
  begin(line: Line): void
  /** The peer asks for more of a stream. Throws {@link FrameError} if there is none. */
  onCredit(bytes: number): void
  /** The answer has come. Returns whether the connection can take another exchange. */
  succeed(reply: WireReply): boolean
  fail(reason: string, cause?: unknown): void
}

export class CallExchange implements Exchange {
  readonly #request: WireRequest
  readonly reply: Promise<WireReply>
  readonly #what: string
  readonly #resolve: (reply: WireReply) => void
  readonly #reject: (error: TransportError) => void
  readonly #signal: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout
  /** The connection on which it was sent; null before that. */
  #line: Line | null = null
  #isSettled = false

  constructor(request: WireRequest, address: string, { timeoutMs, signal }: CallOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<WireReply>()
    this.#request = request
    this.#what = `${request.route} at ${address}`
    this.reply = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#signal = signal
    this.#timer = setTimeout(() => this.fail(`no answer within ${timeoutMs} ms`), timeoutMs)
    signal?.addEventListener('abort', this.#onAbort)
    if (signal?.aborted === true) this.#onAbort()
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  begin(line: Line): void {
    this.#line = line
    line.write(FRAME.request, encodeRequestHead(this.#request), this.#request.body)
  }

  onCredit(): void {
    throw new FrameError('credit for a call without a stream')
  }

  succeed(reply: WireReply): boolean {
    if (this.#settle()) this.#resolve(reply)
    return true
  }

  fail(reason: string, cause?: unknown): void {
    if (!this.#settle()) return
    const wasSent = this.#line !== null
    this.#reject(new TransportError(`${this.#what}: ${reason}`, { wasSent, cause }))
    this.#line?.close()
  }

  readonly #onAbort = (): void => this.fail('the caller gave up', this.#signal?.reason)

  /** Whether it was this call that settled the exchange. */
  #settle(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
    return true
  }
}
