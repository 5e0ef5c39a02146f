/**
 * The two files in which a server keeps its identity. Both are written before anything counts as written down, so what is
 * newer of the two is all that was ever relied on, and either of them may be lost to the disk.
 */
import { type Disk, DiskError, type Log, readWhole, type Sum, writeEssential } from '@dfs/core'
import { METADATA_COPIES_DIRECTORY } from '@dfs/metadata-copy'
import { DfsError } from '@dfs/protocol'
import {
  encodeIdentity,
  IDENTITY_FILES,
  parseIdentity,
  type StoredIdentity,
  VOLUMES_DIRECTORY,
} from '@dfs/volume'

export interface IdentityFilesDeps {
  readonly disk: Disk
  readonly crc32: Sum
  readonly log: Log
}

/** Durable when it resolves. Throws DiskError. */
export async function saveIdentity(
  { disk, crc32 }: IdentityFilesDeps,
  identity: StoredIdentity,
): Promise<void> {
  const bytes = encodeIdentity(identity, crc32)
  for (const name of IDENTITY_FILES) await writeEssential(disk, name, bytes)
}

/** The identity, or null in a directory that has none. Throws WRONG_CLUSTER or DiskError if it has one that cannot be read. */
export async function loadIdentity(deps: IdentityFilesDeps): Promise<StoredIdentity | null> {
  const found: StoredIdentity[] = []
  const faults: (DfsError | DiskError)[] = []
  for (const name of IDENTITY_FILES) {
    try {
      const identity = await loadOne(deps, name)
      if (identity !== null) found.push(identity)
    } catch (error) {
      if (!(error instanceof DfsError || error instanceof DiskError)) throw error
      faults.push(error)
    }
  }
  const [newest, other] = found.sort((left, right) => compareAge(right, left))
  if (newest !== undefined) {
    if (other !== undefined && other.diskUid !== newest.diskUid) {
      throw new DfsError('WRONG_CLUSTER', `${IDENTITY_FILES.join(' and ')} are of two different servers`)
    }
    for (const err of faults) deps.log.warn({ err }, 'one of the two files with the identity was lost')
    return newest
  }
  // What the disk may give later comes before what is wrong for good.
  const fault = faults.find((error) => error instanceof DiskError) ?? faults[0]
  if (fault !== undefined) throw fault
  await requireUnused(deps.disk)
  return null
}

/** A disk with copies on it belongs to a server: whoever started on it under another name could serve none of them. */
async function requireUnused(disk: Disk): Promise<void> {
  for (const directory of [VOLUMES_DIRECTORY, METADATA_COPIES_DIRECTORY]) {
    const names = await disk.list(directory).catch((error: unknown) => {
      if (error instanceof DiskError && error.kind === 'missing') return []
      throw error
    })
    if (names.length === 0) continue
    const files = IDENTITY_FILES.join(' and ')
    throw new DfsError(
      'WRONG_CLUSTER',
      `${files} are missing, and there are copies in ${directory}/: put one of the two back, or empty the directory`,
    )
  }
}

async function loadOne({ disk, crc32 }: IdentityFilesDeps, name: string): Promise<StoredIdentity | null> {
  const bytes = await readWhole(disk, name)
  if (bytes === null) return null
  const identity = parseIdentity(bytes, crc32)
  if (identity === null) {
    throw new DfsError('WRONG_CLUSTER', `${name} in the data directory is damaged, or not of this program`)
  }
  return identity
}

/** Below 0 if `left` was written before `right`. */
function compareAge(left: StoredIdentity, right: StoredIdentity): number {
  const starts = left.incarnation - right.incarnation
  if (starts !== 0) return starts
  const epochs = (left.seenEpoch?.counter ?? 0) - (right.seenEpoch?.counter ?? 0)
  return epochs !== 0 ? epochs : (left.seenEpoch?.sequence ?? 0) - (right.seenEpoch?.sequence ?? 0)
}
