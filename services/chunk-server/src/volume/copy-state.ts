/** Reading and replacing what is written down beside each copy of a volume. */
import { type Disk, readWhole, type Sum, writeEssential } from '@dfs/core'
import { type CopyState, copyStateName, encodeCopyState, parseCopyState } from '@dfs/volume'

/** Replaces the state; durable when it resolves. */
export const saveState = (disk: Disk, state: CopyState, crc32: Sum): Promise<void> =>
  writeEssential(disk, copyStateName(state.order.volume), encodeCopyState(state, crc32))

/** The state, or null where there is none. Throws where what is there was not written by this program. */
export async function loadState(disk: Disk, volume: number, crc32: Sum): Promise<CopyState | null> {
  const bytes = await readWhole(disk, copyStateName(volume))
  if (bytes === null) return null
  const state = parseCopyState(bytes, volume, crc32)
  if (state === null) throw new Error(`${copyStateName(volume)} is damaged`)
  return state
}
