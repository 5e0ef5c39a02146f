/**
 * The one place where nodes prove to each other that they know the cluster key. It is a challenge and a response in both
 * directions, once for each connection:
 *
 *   caller → peer   a nonce, with a MAC over it: strangers are turned away before anything is kept for them
 *   peer → caller   a nonce of its own, with a MAC over both: the caller knows that it talks to a node
 *   caller → peer   a MAC over both: what was recorded from another connection opens none
 *
 * What it does not do: it neither encrypts nor authenticates what follows on the connection. TLS with the key as its
 * pre-shared secret will; it belongs here and in the two places that use this one.
 */
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { assert } from '@dfs/core'

const CLUSTER_KEY_BYTES = 32
const MAC_BYTES = 32
const NONCE_BYTES = 18
const NONCE = /^[A-Za-z0-9_-]{24}$/

/** One side's view of a connection that is being opened. */
export interface Offer {
  readonly nonce: string
  /** What is sent: nonce and MAC. */
  readonly proof: string
}

export class CallProof {
  readonly #key: Uint8Array

  /** `clusterKey` is 32 secret bytes; what is used here is derived from it for this one purpose. */
  constructor(clusterKey: Uint8Array) {
    assert(clusterKey.byteLength === CLUSTER_KEY_BYTES, `a cluster key has ${CLUSTER_KEY_BYTES} bytes`)
    this.#key = new Uint8Array(hkdfSync('sha256', clusterKey, '', 'node-call/v2', MAC_BYTES))
  }

  /** The caller's first word. */
  offer(): Offer {
    const nonce = newNonce()
    return { nonce, proof: `${nonce}.${this.#mac('offer', nonce)}` }
  }

  /** The caller's nonce out of its first word, or null if it does not know the key. */
  acceptOffer(proof: string | undefined): string | null {
    return this.#nonceOf(proof, (nonce) => this.#mac('offer', nonce))
  }

  /** The peer's answer to the caller's nonce. */
  answer(callerNonce: string): Offer {
    const nonce = newNonce()
    return { nonce, proof: `${nonce}.${this.#mac('answer', callerNonce, nonce)}` }
  }

  /** The peer's nonce out of its answer, or null if it does not know the key. */
  acceptAnswer(callerNonce: string, proof: string | undefined): string | null {
    return this.#nonceOf(proof, (nonce) => this.#mac('answer', callerNonce, nonce))
  }

  /** The caller's last word. */
  confirm(callerNonce: string, peerNonce: string): string {
    return this.#mac('confirm', callerNonce, peerNonce)
  }

  isConfirmed(confirmation: string, callerNonce: string, peerNonce: string): boolean {
    return isSameMac(confirmation, this.confirm(callerNonce, peerNonce))
  }

  #nonceOf(proof: string | undefined, macOf: (nonce: string) => string): string | null {
    const [nonce = '', mac = '', ...rest] = proof?.split('.', 3) ?? []
    if (rest.length > 0 || !NONCE.test(nonce) || !isSameMac(mac, macOf(nonce))) return null
    return nonce
  }

  /** Neither purposes nor nonces hold a blank, so no two lists of parts give the same text. */
  #mac(...parts: readonly string[]): string {
    return createHmac('sha256', this.#key).update(parts.join(' ')).digest('base64url')
  }
}

const newNonce = (): string => randomBytes(NONCE_BYTES).toString('base64url')

/** Takes the same time for every wrong MAC. */
function isSameMac(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given, 'base64url'), Buffer.from(expected, 'base64url')]
  return a.byteLength === MAC_BYTES && timingSafeEqual(a, b)
}
