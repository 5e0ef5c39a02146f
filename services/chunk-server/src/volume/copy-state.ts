/** Reading and replacing what is written down beside each copy of a volume. */
import { type Disk, readWhole, utf8, writeEssential } from '@dfs/core'
import { type CopyState, copyStateName, parseCopyState } from '@dfs/protocol'

/** Replaces the state; durable when it resolves. */
export const saveState = (disk: Disk, state: CopyState): Promise<void> =>
  writeEssential(disk, copyStateName(state.order.volume), utf8(JSON.stringify(state)))

/** The state, or null where there is none. Throws where what is there was not written by this program. */
export async function loadState(disk: Disk, volume: number): Promise<CopyState | null> {
  const bytes = await readWhole(disk, copyStateName(volume))
  if (bytes === null) return null
  const state = parseCopyState(bytes, volume)
  if (state === null) throw new Error(`${copyStateName(volume)} is not readable`)
  return state
}
