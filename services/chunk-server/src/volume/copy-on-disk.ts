/** A copy as it begins: made new, or as a start finds it on the disk. */
import { type Clock, type Disk, DiskError, type DiskFile, readWhole } from '@dfs/core'
import {
  copyLogName,
  type CopyState,
  copyStateName,
  type Crc32,
  type ReadInto,
  surveyVolume,
  VOLUMES_DIRECTORY,
  type Witness,
} from '@dfs/volume'
import { type AppendGuard } from './append-guard.ts'
import { saveState } from './copy-note.ts'
import { removeUnfinished } from './copy-removal.ts'
import { type CopyVerificationDeps, scanOptionsOf } from './copy-verification.ts'
import { type OpenFiles } from './open-files.ts'
import { readWhatCanBeRead } from './tolerant-read.ts'

export interface CopyDeps extends Pick<CopyVerificationDeps, 'keepWitness'> {
  readonly clock: Clock
  readonly disk: Disk
  readonly files: OpenFiles
  readonly crc32: Crc32
  readonly guard: AppendGuard
}

export interface CopyOnDisk {
  /** To append with; null if nothing is appended any more. */
  readonly file: DiskFile | null
  readonly state: CopyState
  readonly syncedLength: number
  /** End of the last valid record that was found, whatever stands before it. */
  readonly foundTo: number
  /** The newest that a record says which was read; null if none was. */
  readonly foundWitness: Witness | null
}

/** An empty one to append to; durable, name included, when it resolves. */
export async function makeCopy(deps: CopyDeps, state: CopyState): Promise<CopyOnDisk> {
  const file = await deps.disk.open(copyLogName(state.order.volume), 'create')
  try {
    await file.sync()
    await saveState(deps, state)
  } catch (error) {
    await file.close()
    throw error
  }
  return { file, state, syncedLength: 0, foundTo: 0, foundWitness: null }
}

/**
 * A sealed one to be filled from others; durable, name included, when it resolves. What stands in a log of this volume that
 * nobody knows is taken as it is: like all that comes from elsewhere it counts only as far as its records are right. Whenever
 * this ends early, an empty log is left, or both: never a note of a log that is not there.
 */
export async function makeCopyToFill(deps: CopyDeps, state: CopyState): Promise<CopyOnDisk> {
  const { volume } = state.order
  const name = copyLogName(volume)
  // An earlier try that came to nothing: its log is not taken, since a sync that has failed is never repeated.
  if ((await readWhole(deps.disk, copyStateName(volume))) === null) await removeUnfinished(deps.disk, volume)
  const file = await deps.disk.open(name, 'create').catch((error: unknown) => {
    if (!(error instanceof DiskError && error.kind === 'exists')) throw error
    return deps.disk.open(name, 'existing')
  })
  try {
    await file.sync()
    await deps.disk.syncDirectory(VOLUMES_DIRECTORY)
    await saveState(deps, state)
  } catch (error) {
    await file.close()
    throw error
  }
  deps.files.adopt(name, file)
  return { file: null, state, syncedLength: 0, foundTo: 0, foundWitness: null }
}

/**
 * As a start finds it. Nothing is cut off, because only the master knows the sealed length (R10). A sealed and verified one is
 * taken as it stands, unless bytes are missing at its end (what follows the seal is read all the same); any other is surveyed
 * to find where its valid records end, and `onRead` hears of every piece that is read for it.
 */
export async function findCopy(
  deps: CopyDeps,
  state: CopyState,
  onRead: (bytes: number) => void,
): Promise<CopyOnDisk> {
  const name = copyLogName(state.order.volume)
  const size = await deps.files.use(name, (file) => file.size())
  const { sealedLengthBytes, verifiedToBytes } = state
  const isVerified = state.state === 'sealed' && verifiedToBytes === sealedLengthBytes
  const isWhole = isVerified && size >= sealedLengthBytes
  // What stands behind the seal is nobody's, but may say what the primary had seen.
  const from = isWhole ? sealedLengthBytes : 0
  const readTolerantly = readWhatCanBeRead((at, buffer) =>
    deps.files.use(name, (file) => file.readInto(at, buffer)),
  )
  const read: ReadInto = async (at, buffer) => {
    const count = await readTolerantly(at, buffer)
    onRead(count)
    return count
  }
  const options = scanOptionsOf(state, { at: from, end: size }, deps.crc32)
  const { validTo, lastEnd, witness } = await surveyVolume(read, options, sealedLengthBytes ?? 0)
  const found = { file: null, foundWitness: witness }
  if (isWhole) return { ...found, state, syncedLength: size, foundTo: 0 }
  const verified = { ...state, verifiedToBytes: Math.min(verifiedToBytes, validTo) }
  return { ...found, state: verified, syncedLength: validTo, foundTo: lastEnd }
}
