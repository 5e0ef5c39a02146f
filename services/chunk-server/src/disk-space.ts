/** What a full disk means for those who want to store something on this server: INSUFFICIENT_SPACE, and not one byte written. */
import { type Disk, DiskError, SpaceWatch } from '@dfs/core'
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

/** INSUFFICIENT_SPACE where so many bytes more would leave less than the floor. */
export function requireRoom(space: SpaceWatch, bytes: number): void {
  if (!space.hasRoom(bytes)) throw isFull()
}

/** Says of a disk that refuses to take more what it means for whoever asked. */
export async function appending<T>(space: SpaceWatch, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof DiskError && error.kind === 'full')) throw error
    space.noteFull()
    throw isFull(error)
  }
}

const isFull = (cause?: unknown): DfsError =>
  new DfsError('INSUFFICIENT_SPACE', 'the disk of this server is full', { cause })
