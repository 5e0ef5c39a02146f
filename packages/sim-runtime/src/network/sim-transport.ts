/** Calls between simulated nodes, as one life of a node makes and answers them. */
import {
  assert,
  type CallOptions,
  type Log,
  type ServedStreams,
  type StreamOptions,
  type StreamRequest,
  type Transport,
  type TransportServer,
  type WireHandler,
  type WireReply,
  type WireRequest,
} from '@dfs/core'
import { type ClockSkew } from '../clock-skew.ts'
import { type Life } from '../life.ts'
import { SimCall } from './sim-call.ts'
import { SimListener } from './sim-listener.ts'
import { type SimNetwork } from './sim-network.ts'
import { SimStream } from './sim-stream.ts'

export interface SimTransportOptions {
  readonly network: SimNetwork
  readonly address: string
  readonly life: Life
  /** Timeouts are measured on the node's own clock. */
  readonly skew: ClockSkew
  readonly log: Log
}

export class SimTransport implements Transport {
  readonly #options: SimTransportOptions

  constructor(options: SimTransportOptions) {
    this.#options = options
  }

  call(address: string, request: WireRequest, options: CallOptions): Promise<WireReply> {
    const { network, life, skew, address: from } = this.#options
    // The code of a crashed node does nothing any more.
    if (life.isOver) return new Promise<never>(() => {})
    const timeoutMs = skew.trueMs(options.timeoutMs)
    return new SimCall({ ...options, timeoutMs, network, life, from, to: address, request }).reply
  }

  stream(address: string, request: StreamRequest, options: StreamOptions): Promise<WireReply> {
    const { network, life, skew, address: from } = this.#options
    if (life.isOver) return new Promise<never>(() => {})
    const silenceMs = skew.trueMs(options.silenceMs)
    return new SimStream({ ...options, silenceMs, network, life, from, to: address, request }).reply
  }

  async serve(
    handler: WireHandler,
    routes: readonly string[],
    streams: ServedStreams | null = null,
  ): Promise<TransportServer> {
    const { network, address, life } = this.#options
    assert(!life.isOver, 'a crashed node serves nothing')
    const listener = new SimListener({ ...this.#options, handler, routes, streams })
    await life.complete(0, 'listen', () => network.listen(address, listener))
    return listener
  }
}
