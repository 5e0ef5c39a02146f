/**
 * The calling side: connections to each peer, kept open between calls, and calls that wait for one. Streamed calls have
 * connections of their own: they last as long as somebody's upload, and a call that waited behind them would be late.
 */
import {
  type CallOptions,
  type StreamOptions,
  type StreamRequest,
  TransportError,
  type WireReply,
  type WireRequest,
} from '@dfs/core'
import { CallExchange } from './call-exchange.ts'
import { type CallProof } from './call-proof.ts'
import { Peer } from './peer.ts'
import { StreamExchange } from './stream-exchange.ts'

/** Peers with open connections; beyond it the one that was used first is let go. */
const PEERS_MAX = 256
/** Connections to one peer. */
const FOR_CALLS_MAX = 16
const FOR_STREAMS_MAX = 64

export class CallClient {
  readonly #calls: Peers
  readonly #streams: Peers
  #isClosed = false

  constructor(proof: CallProof) {
    this.#calls = new Peers(proof, FOR_CALLS_MAX)
    this.#streams = new Peers(proof, FOR_STREAMS_MAX)
  }

  async call(address: string, request: WireRequest, options: CallOptions): Promise<WireReply> {
    this.#requireOpen()
    const exchange = new CallExchange(request, address, options)
    if (!exchange.isSettled) this.#calls.at(address).send(exchange)
    return exchange.reply
  }

  async stream(address: string, request: StreamRequest, options: StreamOptions): Promise<WireReply> {
    this.#requireOpen()
    const exchange = new StreamExchange(request, address, options)
    if (!exchange.isSettled) this.#streams.at(address).send(exchange)
    return exchange.reply
  }

  /** Ends all connections; calls under way fail. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#calls.close()
    this.#streams.close()
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new TransportError('the client is closed', { wasSent: false })
  }
}

/** All peers, each with its connections for one purpose. */
class Peers {
  readonly #proof: CallProof
  readonly #connectionsMax: number
  readonly #byAddress = new Map<string, Peer>()

  constructor(proof: CallProof, connectionsMax: number) {
    this.#proof = proof
    this.#connectionsMax = connectionsMax
  }

  at(address: string): Peer {
    const known = this.#byAddress.get(address)
    if (known !== undefined) return known
    for (const [other, peer] of this.#byAddress) {
      if (this.#byAddress.size < PEERS_MAX) break
      if (!peer.isIdle) continue
      peer.close('the connection was not needed')
      this.#byAddress.delete(other)
    }
    const peer = new Peer({ address, proof: this.#proof, connectionsMax: this.#connectionsMax })
    this.#byAddress.set(address, peer)
    return peer
  }

  close(): void {
    for (const peer of this.#byAddress.values()) peer.close('the client was closed')
    this.#byAddress.clear()
  }
}
