/**
 * One simulated call, from its start to its answer. It settles once, by whatever comes first: the answer, a refusal, a reset
 * connection, the deadline or the caller's signal. `wasSent` is the truth or errs on the side of true, as the seam demands.
 */
import {
  byteCount,
  type CallOptions,
  Outcome,
  TransportError,
  type WireReply,
  type WireRequest,
} from '@dfs/core'
import { type Life } from '../life.ts'
import { type EventHandle } from '../simulation.ts'
import { latencyMs } from './links.ts'
import { carry } from './pieces.ts'
import { type InboundCall, type SimListener } from './sim-listener.ts'
import { type SimNetwork } from './sim-network.ts'

const CONNECT_TIMEOUT_MS = 2000

export interface SimCallOptions extends CallOptions {
  readonly network: SimNetwork
  readonly life: Life
  readonly from: string
  readonly to: string
  readonly request: WireRequest
}

export class SimCall implements InboundCall {
  readonly #options: SimCallOptions
  readonly #outcome = new Outcome<WireReply>(() => this.#letGo())
  readonly #timer: EventHandle
  #listener: SimListener | null = null
  #wasSent = false

  constructor(options: SimCallOptions) {
    this.#options = options
    const { network, life, from, request, timeoutMs, signal } = options
    network.countCall(from, byteCount(request.body), 1)
    this.#timer = life.schedule(timeoutMs, `timeout of ${this.#what}`, () =>
      this.#fail(`no answer within ${timeoutMs} ms`),
    )
    this.#outcome.abortedBy(signal, () => this.#fail('the caller gave up', signal?.reason))
    if (!this.#outcome.isSettled) this.#connect()
  }

  get reply(): Promise<WireReply> {
    return this.#outcome.promise
  }

  get caller(): string {
    return this.#options.from
  }

  reset(): void {
    this.#after(this.#options.to, this.caller, 0, 'reset', () => this.#fail('the connection was reset'))
  }

  get #what(): string {
    const { from, to, request } = this.#options
    return `${request.route} ${from} > ${to}`
  }

  /** Half of the calls find a connection open already and need no answer from the peer's system to be sent. */
  #connect(): void {
    const { network, from, to, life } = this.#options
    const isConnected = network.random.chance(0.5)
    if (network.isCut(from, to) || network.isCut(to, from)) {
      if (isConnected) this.#send()
      else life.schedule(CONNECT_TIMEOUT_MS, 'connect timeout', () => this.#fail('cannot connect in time'))
    } else if (network.listenerAt(to) === null) {
      this.#after(to, from, 0, 'refused', () => this.#fail('connection refused'))
    } else this.#send()
  }

  #send(): void {
    const { network, from, to, request } = this.#options
    this.#wasSent = true
    this.#listener = network.listenerAt(to)
    this.#listener?.connect(this)
    const copy = { ...request, params: { ...request.params }, body: carry(request.body, network.random) }
    const link = network.linkOf(from, to)
    const bytes = byteCount(copy.body)
    this.#deliver(copy, bytes)
    if (network.random.chance(link.duplicateRatio)) this.#deliver(copy, bytes)
  }

  #deliver(request: WireRequest, bytes: number): void {
    const { network, from, to } = this.#options
    const listener = this.#listener
    if (listener === null || network.random.chance(network.linkOf(from, to).lossRatio)) return
    const delayMs = latencyMs(network.linkOf(from, to), bytes, network.random)
    listener.life.schedule(delayMs, `request ${this.#what}`, () => {
      // A rejection here can only be a bug of the simulator itself, and fails the run as unhandled.
      if (!network.isCut(from, to)) void listener.answer(request).then((reply) => this.#sendBack(reply))
    })
  }

  #sendBack(reply: WireReply): void {
    const { network, from, to } = this.#options
    if (this.#listener?.life.isOver === true) return
    const isLost = network.isCut(to, from) || network.random.chance(network.linkOf(to, from).lossRatio)
    const copy = isLost ? null : { ok: reply.ok, body: carry(reply.body, network.random) }
    // The system has taken it, whether it arrives or not.
    reply.onSent?.()
    if (copy === null) return
    this.#after(to, from, byteCount(copy.body), 'reply', () => {
      this.#outcome.resolve(copy)
    })
  }

  /** An event at the caller, caused by a message of so many bytes from `from`. */
  #after(from: string, to: string, bytes: number, label: string, action: () => void): void {
    const { network, life } = this.#options
    const delayMs = latencyMs(network.linkOf(from, to), bytes, network.random)
    life.schedule(delayMs, `${label} ${this.#what}`, () => {
      if (!network.isCut(from, to)) action()
    })
  }

  #fail(reason: string, cause?: unknown): void {
    this.#outcome.reject(new TransportError(`${this.#what}: ${reason}`, { wasSent: this.#wasSent, cause }))
  }

  #letGo(): void {
    const { network, life, from, request } = this.#options
    if (!life.isOver) network.countCall(from, byteCount(request.body), -1)
    this.#timer.cancel()
    this.#listener?.disconnect(this)
  }
}
