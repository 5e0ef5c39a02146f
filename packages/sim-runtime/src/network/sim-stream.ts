/**
 * One simulated streamed call. The window is one piece: each is asked for by a message and comes by another, so what waits
 * on either side is one piece, and their order is that of the events. Head and answer may get lost as those of a call may;
 * of what is between them nothing is lost singly, as on a connection that repeats what was lost: the link is there or it is cut,
 * and then both sides notice by silence.
 */
import {
  byteCount,
  type InboundStream,
  Outcome,
  type StreamOptions,
  type StreamRequest,
  TransportError,
  type WireReply,
} from '@dfs/core'
import { type Life } from '../life.ts'
import { type EventHandle } from '../simulation.ts'
import { latencyMs } from './links.ts'
import { carry } from './pieces.ts'
import { type InboundCall, type SimListener } from './sim-listener.ts'
import { type SimNetwork } from './sim-network.ts'
import { SimInbound } from './sim-inbound.ts'

const CONNECT_TIMEOUT_MS = 2000

export interface SimStreamOptions extends StreamOptions {
  readonly network: SimNetwork
  readonly life: Life
  readonly from: string
  readonly to: string
  readonly request: StreamRequest
}

export class SimStream implements InboundCall {
  readonly #options: SimStreamOptions
  readonly #outcome = new Outcome<WireReply>(() => this.#letGo())
  readonly #end: EventHandle
  #timer: EventHandle | null = null
  #listener: SimListener | null = null
  #inbound: SimInbound | null = null
  #wasSent = false

  constructor(options: SimStreamOptions) {
    this.#options = options
    const { network, from, request, life, signal } = options
    network.countCall(from, byteCount(request.body), 1)
    this.#end = life.onEnd(() => this.#hangUp())
    this.#expectPeer()
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
    this.#atCaller(0, 'reset', () => this.#fail('the connection was reset'))
  }

  get #what(): string {
    const { from, to, request } = this.#options
    return `${request.route} ${from} > ${to}`
  }

  #connect(): void {
    const { network, from, to, life } = this.#options
    if (network.isCut(from, to) || network.isCut(to, from)) {
      life.schedule(CONNECT_TIMEOUT_MS, 'connect timeout', () => this.#fail('cannot connect in time'))
    } else if (network.listenerAt(to) === null) {
      this.#atCaller(0, 'refused', () => this.#fail('connection refused'))
    } else this.#send()
  }

  #send(): void {
    const { network, from, to, request } = this.#options
    this.#wasSent = true
    this.#listener = network.listenerAt(to)
    this.#listener?.connect(this)
    const { stream: _, ...head } = request
    const copy = { ...head, params: { ...head.params }, body: carry(head.body, network.random) }
    if (network.random.chance(network.linkOf(from, to).lossRatio)) return
    this.#atPeer(byteCount(copy.body), 'stream', () => {
      const inbound = new SimInbound(this.#listener!.life, () => this.#ask())
      this.#inbound = inbound
      const arrived: InboundStream = { ...copy, stream: inbound, signal: inbound.signal }
      // A rejection here can only be a bug of the simulator itself, and fails the run as unhandled.
      void this.#listener!.answerStream(arrived).then((reply) => this.#sendBack(reply))
    })
  }

  /** The peer wants a piece. */
  #ask(): void {
    this.#atCaller(0, 'credit', () => void this.#sendPiece())
  }

  async #sendPiece(): Promise<void> {
    if (this.#outcome.isSettled) return
    this.#timer?.cancel()
    try {
      const piece = await this.#options.request.stream.next()
      if (this.#outcome.isSettled) return
      // No node shares memory with another.
      const copy = piece === null ? null : piece.slice()
      this.#atPeer(copy?.byteLength ?? 0, 'piece', () => this.#inbound?.push(copy))
      this.#expectPeer()
    } catch (error) {
      this.#failWith(error)
    }
  }

  #sendBack(reply: WireReply): void {
    const { network, from, to } = this.#options
    if (this.#listener?.life.isOver === true) return
    if (network.random.chance(network.linkOf(to, from).lossRatio)) return
    const copy = { ok: reply.ok, body: carry(reply.body, network.random) }
    this.#atCaller(byteCount(copy.body), 'reply', () => {
      this.#outcome.resolve(copy)
    })
  }

  #atCaller(bytes: number, label: string, action: () => void): void {
    const { network, life, from, to } = this.#options
    if (network.isCut(to, from)) return
    const delayMs = latencyMs(network.linkOf(to, from), bytes, network.random)
    life.schedule(delayMs, `${label} ${this.#what}`, () => {
      if (!network.isCut(to, from)) action()
    })
  }

  #atPeer(bytes: number, label: string, action: () => void): void {
    const { network, from, to } = this.#options
    if (network.isCut(from, to)) return
    const delayMs = latencyMs(network.linkOf(from, to), bytes, network.random)
    this.#listener?.life.schedule(delayMs, `${label} ${this.#what}`, () => {
      if (!network.isCut(from, to)) action()
    })
  }

  #expectPeer(): void {
    const { life, silenceMs } = this.#options
    this.#timer?.cancel()
    this.#timer = life.schedule(silenceMs, `silence of ${this.#what}`, () =>
      this.#fail(`the peer was silent for ${silenceMs} ms`),
    )
  }

  #fail(reason: string, cause?: unknown): void {
    this.#failWith(new TransportError(`${this.#what}: ${reason}`, { wasSent: this.#wasSent, cause }))
  }

  #failWith(error: unknown): void {
    if (this.#outcome.reject(error)) this.#hangUp()
  }

  /** The peer learns of it as of any connection that is closed: a while later, or not at all. */
  #hangUp(): void {
    this.#atPeer(0, 'hang up', () => this.#inbound?.break())
  }

  #letGo(): void {
    const { network, life, from, request } = this.#options
    if (!life.isOver) network.countCall(from, byteCount(request.body), -1)
    this.#timer?.cancel()
    this.#end.cancel()
    this.#listener?.disconnect(this)
  }
}
