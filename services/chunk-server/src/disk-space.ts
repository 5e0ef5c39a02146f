/** What a full disk means for those who want to store something on this server: INSUFFICIENT_SPACE, and not one byte written. */
import { type Disk, SpaceWatch } from '@dfs/core'
import { DfsError, MIB, REPLICATION_BATCH_BYTES_MAX } from '@dfs/protocol'

export interface DiskSpaceOptions {
  readonly disk: Disk
  readonly floorBytes: number
  readonly onChange: (isFull: boolean) => void
}

export const watchSpace = (options: DiskSpaceOptions): Promise<SpaceWatch> =>
  SpaceWatch.open({
    ...options,
    largestBytes: REPLICATION_BATCH_BYTES_MAX,
    againBytes: REPLICATION_BATCH_BYTES_MAX,
    reserveBytes: MIB,
  })

/** INSUFFICIENT_SPACE if so many bytes more would leave less than the floor. */
export function requireRoom(space: Pick<SpaceWatch, 'hasRoom'>, bytes: number): void {
  if (!space.hasRoom(bytes)) throw isFull()
}

export const isFull = (cause?: unknown): DfsError =>
  new DfsError('INSUFFICIENT_SPACE', 'the disk of this server is full', { cause })
