/**
 * One call from its start to its answer. It settles once, by whatever comes first: the answer, an error, the deadline or
 * the caller's signal; what comes later is dropped, with the connection if the answer was still to come.
 */
import { type CallOptions, Outcome, TransportError, type WireReply, type WireRequest } from '@dfs/core'
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
  readonly #what: string
  readonly #outcome = new Outcome<WireReply>(() => clearTimeout(this.#timer))
  readonly #timer: NodeJS.Timeout
  /** The connection on which it was sent; null before that. */
  #line: Line | null = null

  constructor(request: WireRequest, address: string, { timeoutMs, signal }: CallOptions) {
    this.#request = request
    this.#what = `${request.route} at ${address}`
    this.#timer = setTimeout(() => this.fail(`no answer within ${timeoutMs} ms`), timeoutMs)
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
    line.write(FRAME.request, encodeRequestHead(this.#request), this.#request.body)
  }

  onCredit(): void {
    throw new FrameError('credit for a call without a stream')
  }

  succeed(reply: WireReply): boolean {
    this.#outcome.resolve(reply)
    return true
  }

  fail(reason: string, cause?: unknown): void {
    const error = new TransportError(`${this.#what}: ${reason}`, { wasSent: this.#line !== null, cause })
    if (this.#outcome.reject(error)) this.#line?.close()
  }
}
