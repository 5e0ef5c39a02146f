/** Bytes as they are, with a letter in front, so that whoever forgets to compress, or to unpack, shows. */
import { type Compression, MalformedError } from '@dfs/core'

const MARK = 0x75

export const uncompressed: Compression = {
  async compress(raw) {
    const stored = new Uint8Array(raw.byteLength + 1)
    stored[0] = MARK
    stored.set(raw, 1)
    return stored
  },
  async decompress(stored, bytesMax) {
    if (stored[0] !== MARK) throw new MalformedError('these bytes were not compressed')
    if (stored.byteLength - 1 > bytesMax) throw new MalformedError('longer than it may be')
    return stored.subarray(1)
  },
}
