/**
 * What is written down beside a copy of a volume, and what this server knows of it meanwhile: a change holds at once, and is
 * on the disk when it resolves.
 */
import { assert, type Disk, readWhole, type Sum, writeEssential } from '@dfs/core'
import { DfsError, formatId } from '@dfs/protocol'
import { type CopyState, copyStateName, encodeCopyState, parseCopyState, type RetiredCopy } from '@dfs/volume'

export interface CopyNoteDeps {
  readonly disk: Disk
  readonly crc32: Sum
}

/** Replaces the state; durable when it resolves. */
export const saveState = ({ disk, crc32 }: CopyNoteDeps, state: CopyState): Promise<void> =>
  writeEssential(disk, copyStateName(state.order.volume), encodeCopyState(state, crc32))

/** Writes down that a copy goes, whatever stood there; durable when it resolves. */
export function saveRetired({ disk, crc32 }: CopyNoteDeps, volume: number, replica: number): Promise<void> {
  const retired: RetiredCopy = { formatVersion: 2, volume, replica, state: 'retired' }
  return writeEssential(disk, copyStateName(volume), encodeCopyState(retired, crc32))
}

/** What stands beside a copy was not written by this program. */
export class DamagedNoteError extends Error {}

/** The state, or null if there is none. Throws DiskError, DamagedNoteError. */
export async function loadState(
  { disk, crc32 }: CopyNoteDeps,
  volume: number,
): Promise<CopyState | RetiredCopy | null> {
  const bytes = await readWhole(disk, copyStateName(volume))
  if (bytes === null) return null
  const state = parseCopyState(bytes, volume, crc32)
  if (state === null) throw new DamagedNoteError(`${copyStateName(volume)} is damaged`)
  return state
}

export class CopyNote {
  readonly #deps: CopyNoteDeps
  #state: CopyState
  /** The last write of the state, done or failed: each waits for the one before, since they share a temporary file. */
  #saved: Promise<void> = Promise.resolve()
  #isFenced = false

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

  /** The copy goes: from now on no other state is written here; a change that came before is. */
  fence(): void {
    this.#isFenced = true
  }

  /** Throws VOLUME_NOT_FOUND once the copy is fenced: whatever is under way with it ends there. */
  requirePresent(): void {
    if (!this.#isFenced) return
    const { volume } = this.#state.order
    throw new DfsError('VOLUME_NOT_FOUND', `volume ${formatId(volume)} has no copy here any more`)
  }

  /** Durable when it resolves. If it rejects, the change holds until the process ends. VOLUME_NOT_FOUND once it is fenced. */
  async change(change: Partial<CopyState>): Promise<void> {
    this.requirePresent()
    this.#state = { ...this.#state, ...change }
    await this.#save(() => saveState(this.#deps, this.#state))
  }

  /** As {@link change} for one that is made from others: it is all there, as far as anybody has it, and from now on one like others. */
  async endCopying(change: Partial<CopyState> = {}): Promise<void> {
    this.requirePresent()
    const { origin: _, ...state } = this.#state
    this.#state = { ...state, ...change, formatVersion: 1 }
    await this.#save(() => saveState(this.#deps, this.#state))
  }

  /** Writes down that the copy goes, once it is fenced. Durable when it resolves; may be tried again if it rejects. */
  async writeRetired(): Promise<void> {
    assert(this.#isFenced, 'nothing is written after this')
    const { order, replica } = this.#state
    await this.#save(() => saveRetired(this.#deps, order.volume, replica))
  }

  async #save(save: () => Promise<void>): Promise<void> {
    const saving = this.#saved.then(save)
    // A failed write fails its own caller below; the next one tries again.
    this.#saved = saving.catch(() => undefined)
    await saving
  }
}
