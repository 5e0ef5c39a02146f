/**
 * What is written down beside a copy of a volume, and what this server knows of it meanwhile: a change holds at once, and is
 * on the disk when it resolves.
 */
import { type Disk, readWhole, type Sum, writeEssential } from '@dfs/core'
import { type CopyState, copyStateName, encodeCopyState, parseCopyState } from '@dfs/volume'

export interface CopyNoteDeps {
  readonly disk: Disk
  readonly crc32: Sum
}

/** Replaces the state; durable when it resolves. */
export const saveState = ({ disk, crc32 }: CopyNoteDeps, state: CopyState): Promise<void> =>
  writeEssential(disk, copyStateName(state.order.volume), encodeCopyState(state, crc32))

/** The state, or null if there is none. Throws if what is there was not written by this program. */
export async function loadState({ disk, crc32 }: CopyNoteDeps, volume: number): Promise<CopyState | null> {
  const bytes = await readWhole(disk, copyStateName(volume))
  if (bytes === null) return null
  const state = parseCopyState(bytes, volume, crc32)
  if (state === null) throw new Error(`${copyStateName(volume)} is damaged`)
  return state
}

export class CopyNote {
  readonly #deps: CopyNoteDeps
  #state: CopyState
  /** The last write of the state, done or failed: each waits for the one before, since they share a temporary file. */
  #saved: Promise<void> = Promise.resolve()

  constructor(deps: CopyNoteDeps, state: CopyState) {
    this.#deps = deps
    this.#state = state
  }

  get state(): CopyState {
    return this.#state
  }

  /** No write is under way when it resolves. */
  get settled(): Promise<void> {
    return this.#saved
  }

  /** Durable when it resolves. If it rejects, the change holds until the process ends. */
  async change(change: Partial<CopyState>): Promise<void> {
    this.#state = { ...this.#state, ...change }
    const saving = this.#saved.then(() => saveState(this.#deps, this.#state))
    // A failed write fails its own caller below; the next one tries again.
    this.#saved = saving.catch(() => undefined)
    await saving
  }
}
