/** The calling side: connections to each peer, kept open between calls, and calls that wait for one. */
import { type CallOptions, TransportError, type WireReply, type WireRequest } from '@dfs/core'
import { CallExchange } from './call-exchange.ts'
import { type CallProof } from './call-proof.ts'
import { Peer } from './peer.ts'

/** Peers with open connections; beyond it the one that was used first is let go. */
const PEERS_MAX = 256

export class CallClient {
  readonly #proof: CallProof
  readonly #peers = new Map<string, Peer>()
  #isClosed = false

  constructor(proof: CallProof) {
    this.#proof = proof
  }

  async call(address: string, request: WireRequest, options: CallOptions): Promise<WireReply> {
    if (this.#isClosed) throw new TransportError('the client is closed', { wasSent: false })
    const exchange = new CallExchange(request, address, options)
    if (!exchange.isSettled) this.#peerAt(address).send(exchange)
    return exchange.reply
  }

  /** Ends all connections; calls under way fail. Idempotent. */
  close(): void {
    this.#isClosed = true
    for (const peer of this.#peers.values()) peer.close('the client was closed')
    this.#peers.clear()
  }

  #peerAt(address: string): Peer {
    const known = this.#peers.get(address)
    if (known !== undefined) return known
    for (const [other, peer] of this.#peers) {
      if (this.#peers.size < PEERS_MAX) break
      if (!peer.isIdle) continue
      peer.close('the connection was not needed')
      this.#peers.delete(other)
    }
    const peer = new Peer(address, this.#proof)
    this.#peers.set(address, peer)
    return peer
  }
}
