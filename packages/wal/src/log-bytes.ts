/** The bytes of a log, and the same with some bits turned: a mend is looked at before it is written anywhere. */
import { type DiskFile } from '@dfs/core'

export type LogBytes = Pick<DiskFile, 'size' | 'readInto'>

/** One bit of the file. */
export interface BitFlip {
  readonly at: number
  /** The bit in its byte. */
  readonly mask: number
}

export const withFlips = (file: LogBytes, flips: readonly BitFlip[]): LogBytes => ({
  size: () => file.size(),
  async readInto(at, buffer) {
    const count = await file.readInto(at, buffer)
    for (const flip of flips) {
      const index = flip.at - at
      if (index >= 0 && index < count) buffer[index]! ^= flip.mask
    }
    return count
  },
})
