/**
 * The one place where a call between nodes is signed and checked. Every call proves that its sender knows the cluster
 * key, before its body is read: a MAC over method, path, a nonce and the length of the body.
 *
 * What it does not do: it neither encrypts nor authenticates the body, and a recorded call can be sent again. TLS with
 * the key as its pre-shared secret will do the former; remembering nonces, which are unique already, the latter. Both
 * belong here and in the two places that call this one.
 */
import { hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { assert } from '@dfs/core'
import { HmacSha256 } from './hmac.ts'

export const PROOF_HEADER = 'dfs-cluster-proof'

const CLUSTER_KEY_BYTES = 32
const MAC_BYTES = 32
/** Far more than the parser of the listener lets through in its headers. */
const MESSAGE_BYTES_MAX = 64 * 1024
const VERSION = 'v1'

/** What a proof vouches for. */
export interface ProvenCall {
  readonly method: string
  /** As it stands in the request line. */
  readonly path: string
  readonly bodyBytes: number
}

export class CallProof {
  readonly #hmac: HmacSha256
  readonly #noncePrefix = randomBytes(12).toString('base64url')
  #count = 0

  /** `clusterKey` is 32 secret bytes; what signs calls is derived from it for this one purpose. */
  constructor(clusterKey: Uint8Array) {
    assert(clusterKey.byteLength === CLUSTER_KEY_BYTES, `a cluster key has ${CLUSTER_KEY_BYTES} bytes`)
    const derived = hkdfSync('sha256', clusterKey, '', 'node-call/v1', MAC_BYTES)
    this.#hmac = new HmacSha256(new Uint8Array(derived), MESSAGE_BYTES_MAX)
  }

  /** The value of {@link PROOF_HEADER}; no two of a process, nor of two processes, share a nonce. */
  sign(call: ProvenCall): string {
    this.#count += 1
    const nonce = `${this.#noncePrefix}-${this.#count.toString(36)}`
    const mac = this.#macOf(call, nonce)
    assert(mac !== null, 'the path of a call is short')
    return `${VERSION}.${nonce}.${mac.toString('base64url')}`
  }

  /** Whether the sender knew the cluster key and meant this call. Takes the same time for every wrong MAC. */
  isValid(header: string | undefined, call: ProvenCall): boolean {
    const [version, nonce, mac, ...rest] = header?.split('.', 4) ?? []
    if (version !== VERSION || nonce === undefined || mac === undefined || rest.length > 0) return false
    const given = Buffer.from(mac, 'base64url')
    const expected = this.#macOf(call, nonce)
    return expected !== null && given.byteLength === MAC_BYTES && timingSafeEqual(given, expected)
  }

  #macOf({ method, path, bodyBytes }: ProvenCall, nonce: string): Buffer | null {
    return this.#hmac.digest(`${method}\n${path}\n${nonce}\n${bodyBytes}`)
  }
}
