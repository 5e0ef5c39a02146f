/**
 * Taking off the disk what is no copy any more, or never became one. Of a copy that is retired the note says already that it goes,
 * durably, so that a crash anywhere in between leaves either the copy as it was, or a note by which the next start finishes
 * this: never a note without its log that looks like damage, and never a log that nobody knows. That is why the log is gone
 * for good, its name included, before the note goes. Should a power cut bring the note back, it is the same again: a retired
 * note, and nothing else.
 */
import { type Disk, DiskError } from '@dfs/core'
import { copyLogName, copyStateName, unwrittenStateName, VOLUMES_DIRECTORY } from '@dfs/volume'

/** The copy can never come back when it resolves. Throws DiskError; may be repeated. */
export async function removeRetired(disk: Disk, volume: number): Promise<void> {
  await removeIfThere(disk, copyLogName(volume))
  await disk.syncDirectory(VOLUMES_DIRECTORY)
  // What a write of the note that failed has left is nobody's once the note is gone.
  await removeIfThere(disk, unwrittenStateName(volume))
  await removeIfThere(disk, copyStateName(volume))
}

/**
 * As {@link removeRetired} for a note that this start has found: the process that wrote it may have ended before the name was safe,
 * and then a power cut would bring the note back that stood there before.
 */
export async function finishRetired(disk: Disk, volume: number): Promise<void> {
  await disk.syncDirectory(VOLUMES_DIRECTORY)
  await removeRetired(disk, volume)
}

/**
 * A log without a note in which nothing stands: its making was cut off, before anybody was told that there is a copy. Resolves to
 * whether it was one, and is gone; what the disk cannot tell is kept.
 */
export async function removeUnfinished(disk: Disk, volume: number): Promise<boolean> {
  try {
    if (!(await isEmpty(disk, copyLogName(volume)))) return false
    await removeIfThere(disk, unwrittenStateName(volume))
    await removeIfThere(disk, copyLogName(volume))
    return true
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    return false
  }
}

/**
 * The note of an open copy whose log is not there: the power went before either name was safe, and only this one has come through.
 * Resolves to whether it was one, and is gone. Throws DiskError.
 */
export async function removeNoteWithoutLog(disk: Disk, volume: number): Promise<boolean> {
  try {
    await isEmpty(disk, copyLogName(volume))
    return false
  } catch (error) {
    if (!(error instanceof DiskError && error.kind === 'missing')) throw error
  }
  await removeIfThere(disk, copyStateName(volume))
  return true
}

/**
 * What was to be the note of a copy that is not here any more, or never was: a power cut can bring it back alone. Resolves to whether it is
 * gone; if the disk refuses, the next start tries again.
 */
export async function removeUnwritten(disk: Disk, volume: number): Promise<boolean> {
  try {
    await removeIfThere(disk, unwrittenStateName(volume))
    return true
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    return false
  }
}

async function isEmpty(disk: Disk, name: string): Promise<boolean> {
  const file = await disk.open(name, 'existing')
  try {
    return (await file.size()) === 0
  } finally {
    await file.close()
  }
}

async function removeIfThere(disk: Disk, name: string): Promise<void> {
  try {
    await disk.remove(name)
  } catch (error) {
    if (!(error instanceof DiskError && error.kind === 'missing')) throw error
  }
}
