/**
 * Room on the master's disk. Below a floor it takes no more changes and gives no more volumes: reads go on, and so does the
 * little that keeps the cluster safe (registrations, seals, reports). The floor is far above what that needs. Should others
 * take all of it, commits go into the room ahead of the write-ahead log (log-room.ts) until the reserve is given up; should
 * they take that as well, the process ends as after any failed transaction.
 */
import { type Disk, giveUpReserve, type Log, SpaceWatch } from '@dfs/core'
import { MIB } from '@dfs/protocol'

const RESERVE_BYTES = 16 * MIB
const AGAIN_BYTES = 16 * MIB
/** Registrations, seals and reports of some minutes. */
const NEEDED_BYTES = 4 * MIB

/** To be called before the database is opened, which writes: frees the reserve if little else is free. */
export async function makeRoomToStart(disk: Disk): Promise<void> {
  const { freeBytes } = await disk.space()
  if (freeBytes < RESERVE_BYTES) await giveUpReserve(disk)
}

/**
 * To be called now and then. A disk that others have filled almost to the last byte gets the reserve back, for what must be
 * written all the same.
 */
export async function lookAtDisk(disk: Disk, space: SpaceWatch): Promise<void> {
  const { freeBytes } = await space.look()
  if (freeBytes < NEEDED_BYTES) await giveUpReserve(disk)
}

export function watchSpace(disk: Disk, floorBytes: number, log: Log): Promise<SpaceWatch> {
  const onChange = (isFull: boolean): void => {
    if (isFull) log.error({ floorBytes }, 'the disk is full: changes are refused, reads go on')
    else log.info({}, 'the disk has room again')
  }
  return SpaceWatch.open({
    disk,
    floorBytes,
    // Its transactions are small against the floor.
    largestBytes: 0,
    againBytes: AGAIN_BYTES,
    reserveBytes: RESERVE_BYTES,
    onChange,
  })
}
