/**
 * Taking a retired copy off the disk. Its note says already that it goes, durably, so that a crash anywhere in between leaves
 * either the copy as it was, or a note by which the next start finishes this: never a note without its log that looks like
 * damage, and never a log that nobody knows. That is why the log is gone for good, its name included, before the note goes.
 * Should a power cut bring the note back, it is the same again: a retired note, and nothing else.
 */
import { type Disk, DiskError } from '@dfs/core'
import { copyLogName, copyStateName, VOLUMES_DIRECTORY } from '@dfs/volume'

/** The copy can never come back when it resolves. Throws DiskError; may be repeated. */
export async function removeRetired(disk: Disk, volume: number): Promise<void> {
  await removeIfThere(disk, copyLogName(volume))
  await disk.syncDirectory(VOLUMES_DIRECTORY)
  await removeIfThere(disk, copyStateName(volume))
}

async function removeIfThere(disk: Disk, name: string): Promise<void> {
  try {
    await disk.remove(name)
  } catch (error) {
    if (!(error instanceof DiskError && error.kind === 'missing')) throw error
  }
}
