/** Reads of what a disk may not be able to give: that is the finding of whoever asks, and no failure of the check. */
import { type Disk, DiskError, type DiskFile } from '@dfs/core'

/** Null if the file is missing or cannot be opened. */
export async function openOrNothing(disk: Pick<Disk, 'open'>, name: string): Promise<DiskFile | null> {
  try {
    return await disk.open(name, 'existing')
  } catch (error) {
    if (error instanceof DiskError) return null
    throw error
  }
}

/** Fills `buffer` with zeros if nothing can be read. */
export async function readOrNothing(file: DiskFile, at: number, buffer: Uint8Array): Promise<number> {
  buffer.fill(0)
  try {
    return await file.readInto(at, buffer)
  } catch (error) {
    if (error instanceof DiskError) return 0
    throw error
  }
}
