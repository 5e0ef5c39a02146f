/** The digests that a client sent with its content: computed while the bytes pass, compared before anything is committed. */
import { assert } from '@dfs/core'
import { DfsError, type ExpectedDigest } from '@dfs/protocol'

/** A cryptographic hash under way. Synchronous, so that the simulator stays deterministic. */
export interface Hasher {
  update(bytes: Uint8Array): void
  digest(): Uint8Array
}

export type CreateHasher = (algorithm: ExpectedDigest['algorithm']) => Hasher

export class ContentDigests {
  readonly #running: readonly { readonly expected: ExpectedDigest; readonly hasher: Hasher }[]

  constructor(expected: readonly ExpectedDigest[], createHasher: CreateHasher) {
    assert(expected.length <= 2, 'at most one digest of each algorithm')
    this.#running = expected.map((digest) => ({ expected: digest, hasher: createHasher(digest.algorithm) }))
  }

  update(pieces: readonly Uint8Array[]): void {
    for (const { hasher } of this.#running) {
      for (const piece of pieces) hasher.update(piece)
    }
  }

  /** Compares all; throws DIGEST_MISMATCH. Returns the SHA-256 if the client sent one: it is stored with the version. */
  finish(): Uint8Array | null {
    let sha256: Uint8Array | null = null
    for (const { expected, hasher } of this.#running) {
      const actual = hasher.digest()
      const isEqual =
        actual.byteLength === expected.value.byteLength &&
        actual.every((byte, index) => byte === expected.value[index])
      if (!isEqual)
        throw new DfsError('DIGEST_MISMATCH', `the ${expected.algorithm} of what arrived is another one`)
      if (expected.algorithm === 'sha-256') sha256 = actual
    }
    return sha256
  }
}
