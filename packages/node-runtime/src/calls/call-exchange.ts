/**
 * One call from its start to its answer. It settles once, by whatever comes first: the answer, an error, the deadline or
 * the caller's signal; what comes later is dropped, with the connection where the answer was still to come.
 */
import { type CallOptions, TransportError, type WireReply, type WireRequest } from '@dfs/core'

export class CallExchange {
  readonly request: WireRequest
  readonly reply: Promise<WireReply>
  readonly #what: string
  readonly #resolve: (reply: WireReply) => void
  readonly #reject: (error: TransportError) => void
  readonly #signal: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout
  /** Ends the connection on which it was sent; null before that. */
  #disconnect: (() => void) | null = null
  #isSettled = false

  constructor(request: WireRequest, address: string, { timeoutMs, signal }: CallOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<WireReply>()
    this.request = request
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

  /** To be called right before it is written. From here on it may have been carried out. */
  onSend(disconnect: () => void): void {
    this.#disconnect = disconnect
  }

  succeed(reply: WireReply): void {
    if (this.#settle()) this.#resolve(reply)
  }

  fail(reason: string, cause?: unknown): void {
    if (!this.#settle()) return
    const wasSent = this.#disconnect !== null
    this.#reject(new TransportError(`${this.#what}: ${reason}`, { wasSent, cause }))
    this.#disconnect?.()
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
