/**
 * HMAC-SHA256 (RFC 2104) of short messages under one key, out of Node's one-shot digest. Node's own `Hmac` makes a native
 * object for each message, whose making and collecting took more time than all the rest of a small call; the one-shot
 * digest makes none. A test holds this against `createHmac`.
 */
import { hash } from 'node:crypto'
import { assert } from '@dfs/core'

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

export class HmacSha256 {
  /** Padded key and message, next to each other as they are hashed. */
  readonly #inner: Buffer
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES)

  /** `key` has at most 64 bytes, a message at most `messageBytesMax` in UTF-8. */
  constructor(key: Uint8Array, messageBytesMax: number) {
    assert(key.byteLength <= BLOCK_BYTES, 'a longer key would have to be hashed first')
    this.#inner = Buffer.alloc(BLOCK_BYTES + messageBytesMax)
    this.#inner.fill(0x36, 0, BLOCK_BYTES)
    this.#outer.fill(0x5c, 0, BLOCK_BYTES)
    for (const [index, byte] of key.entries()) {
      this.#inner[index]! ^= byte
      this.#outer[index]! ^= byte
    }
  }

  /** 32 bytes, or null where the message is too long. */
  digest(message: string): Buffer | null {
    // Three bytes is the most that UTF-8 takes for one unit of a string.
    if (BLOCK_BYTES + message.length * 3 > this.#inner.byteLength) return null
    const written = this.#inner.write(message, BLOCK_BYTES)
    hash('sha256', this.#inner.subarray(0, BLOCK_BYTES + written), 'buffer').copy(this.#outer, BLOCK_BYTES)
    return hash('sha256', this.#outer, 'buffer')
  }
}
