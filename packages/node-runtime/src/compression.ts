/** Zstandard in the threads that Node has for such work: the calling thread only hands bytes over. */
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import { type Compression, MalformedError } from '@dfs/core'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

export const zstd: Compression = {
  compress: (raw) => compress(raw),
  async decompress(stored, bytesMax) {
    try {
      return await decompress(stored, { maxOutputLength: bytesMax })
    } catch (error) {
      throw new MalformedError('not what Zstandard makes, or longer than it may be', { cause: error })
    }
  },
}
