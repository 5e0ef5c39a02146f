/**
 * Reading around what a disk cannot read: a sector that fails is damage like any other, and must not keep the good bytes
 * beside it from being found.
 */
import { DiskError } from '@dfs/core'
import { BLOCK_BYTES, type ReadInto } from '@dfs/volume'

/** Like `read`; what fails is tried again in small parts, of which those that fail are filled with zeros. */
export function readWhatCanBeRead(read: ReadInto): ReadInto {
  const attempt = async (at: number, buffer: Uint8Array): Promise<number | null> => {
    try {
      return await read(at, buffer)
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'io') return null
      throw error
    }
  }
  return async (at, buffer) => {
    const whole = await attempt(at, buffer)
    if (whole !== null) return whole
    let count = 0
    for (let from = 0; from < buffer.byteLength; from += BLOCK_BYTES) {
      const part = buffer.subarray(from, from + BLOCK_BYTES)
      const read = await attempt(at + from, part)
      if (read === null) part.fill(0)
      count = from + (read ?? part.byteLength)
      if (read !== null && read < part.byteLength) break
    }
    return count
  }
}
