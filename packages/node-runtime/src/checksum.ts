/** Checksums and digests, handed to domain code that may not import Node itself. All run on the calling thread. */
import { createHash } from 'node:crypto'
import { crc32 as zlibCrc32 } from 'node:zlib'

/** CRC-32 (IEEE). `seed` is the checksum of what came before, so that a run of pieces has the checksum of the whole. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return zlibCrc32(bytes, seed)
}

/** A digest over pieces; of no use after `digest`. */
export interface Hasher {
  update(bytes: Uint8Array): void
  digest(): Uint8Array
}

export function createHasher(algorithm: 'sha-256' | 'sha-512'): Hasher {
  const hash = createHash(algorithm.replace('-', ''))
  return {
    update(bytes) {
      hash.update(bytes)
    },
    digest: () => hash.digest(),
  }
}
