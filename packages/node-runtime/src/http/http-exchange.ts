/**
 * One call from its start to its answer. It settles once, by whatever comes first: the answer, an error, the deadline or
 * the caller's signal; what comes later is dropped, with the connection where the answer was still to come.
 */
import { type CallOptions, TransportError, type WireReply } from '@dfs/core'
import { WIRE_BODY_BYTES_MAX } from '@dfs/protocol'
import { type Dispatcher } from 'undici'

type Controller = Dispatcher.DispatchController
type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Tells an answer of a peer's from one of something else's that listens at its address. */
const PROBLEM_TYPE = 'application/problem+json'

export class HttpExchange implements Dispatcher.DispatchHandler {
  readonly reply: Promise<WireReply>
  readonly #what: string
  readonly #resolve: (reply: WireReply) => void
  readonly #reject: (error: TransportError) => void
  readonly #signal: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout
  #controller: Controller | null = null
  #status = 0
  #contentType: string | string[] | undefined
  #body: Uint8Array[] = []
  #bodyBytes = 0
  #isSettled = false

  /** `what` names the call in errors. */
  constructor(what: string, { timeoutMs, signal }: CallOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<WireReply>()
    this.#what = what
    this.reply = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#signal = signal
    this.#timer = setTimeout(() => this.#fail(`no answer within ${timeoutMs} ms`), timeoutMs)
    signal?.addEventListener('abort', this.#onAbort)
    if (signal?.aborted === true) this.#onAbort()
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Called when a connection is there and right before the request is written to it. */
  onRequestStart(controller: Controller): void {
    if (this.#isSettled) controller.abort(new Error('the call is over'))
    else this.#controller = controller
  }

  onResponseStart(_controller: Controller, statusCode: number, headers: Headers): void {
    this.#status = statusCode
    this.#contentType = headers['content-type']
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    this.#bodyBytes += chunk.byteLength
    if (this.#bodyBytes > WIRE_BODY_BYTES_MAX) this.#fail('the answer is too large')
    else this.#body.push(chunk)
  }

  onResponseEnd(): void {
    const isOk = this.#status === 200
    if (!isOk && this.#contentType !== PROBLEM_TYPE) {
      this.#fail(`an answer with status ${this.#status} that no node gives`)
    } else if (this.#settle()) {
      this.#resolve({ ok: isOk, body: this.#body })
    }
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.#fail(error.message === '' ? error.name : error.message, error)
  }

  readonly #onAbort = (): void => this.#fail('the caller gave up', this.#signal?.reason)

  #fail(reason: string, cause?: unknown): void {
    if (!this.#settle()) return
    const wasSent = this.#controller !== null
    const error = new TransportError(`${this.#what}: ${reason}`, { wasSent, cause })
    this.#reject(error)
    this.#controller?.abort(error)
  }

  /** Whether it was this call that settled the exchange. */
  #settle(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
    return true
  }
}
