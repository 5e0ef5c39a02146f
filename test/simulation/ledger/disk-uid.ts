/** Which server a disk belongs to, as it says itself. */
import { crc32 } from '@dfs/node-runtime'
import { type SimDisk } from '@dfs/sim-runtime'
import { IDENTITY_FILES, parseIdentity } from '@dfs/volume'

/** The uid that a power cut would leave on the disk, or null on one that nobody has used. */
export function diskUidOf(disk: SimDisk): string | null {
  for (const name of IDENTITY_FILES) {
    const bytes = disk.durable(name)
    const identity = bytes === null ? null : parseIdentity(bytes, crc32)
    if (identity !== null) return identity.diskUid
  }
  return null
}
