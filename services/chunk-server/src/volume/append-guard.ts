/**
 * What everything meets that makes a copy on this server or adds to one, whoever asks for it: the disk must have room, and
 * what the last record of a batch says of the master is noted. A disk that has no room is said once, in one way:
 * INSUFFICIENT_SPACE, and not one byte counts.
 */
import { DiskError, type SpaceWatch } from '@dfs/core'
import { type Witness } from '@dfs/volume'
import { isFull, requireRoom } from '../disk-space.ts'
import { type ClientLoad } from '../copying/client-load.ts'
import { type WitnessKeeper } from '../identity/witness-keeper.ts'

/** Bytes that a start reads again, and what they say of the master; null if they say nothing. */
export interface SaidBytes {
  readonly byteLength: number
  readonly witness: Witness | null
}

/** Records that are appended together. `witness` is what the last of them says. */
export interface Batch extends SaidBytes {
  /** Where they start: the synced length of the copy. */
  readonly offset: number
  readonly pieces: readonly Uint8Array[]
}

export interface AppendGuardDeps {
  readonly space: Pick<SpaceWatch, 'hasRoom' | 'noteAppended' | 'noteFull'>
  readonly witness: Pick<WitnessKeeper, 'appending'>
  /** Hears of what clients wait for. */
  readonly clientLoad?: Pick<ClientLoad, 'during'>
}

export class AppendGuard {
  readonly #deps: AppendGuardDeps

  constructor(deps: AppendGuardDeps) {
    this.#deps = deps
  }

  /** Makes an empty copy. */
  async create<T>(create: () => Promise<T>): Promise<T> {
    requireRoom(this.#deps.space, 0)
    return await this.#saysFull(create)
  }

  /** Appends a batch; its bytes are gone from the disk's room when it resolves. */
  async append<T>({ byteLength, witness }: Batch, append: () => Promise<T>): Promise<T> {
    const { space, clientLoad } = this.#deps
    requireRoom(space, byteLength)
    const appending = () => this.#deps.witness.appending(witness, append)
    const result = await this.#saysFull(() => clientLoad?.during(appending) ?? appending())
    space.noteAppended(byteLength)
    return result
  }

  /** Writes what a copy of the metadata is told by the master; what it says of it is on the disk when it resolves. */
  async appendFrames({ byteLength, witness }: SaidBytes, write: () => Promise<void>): Promise<void> {
    const { space } = this.#deps
    requireRoom(space, byteLength)
    await this.#saysFull(() => this.#deps.witness.appending(witness, write))
    space.noteAppended(byteLength)
  }

  /** Writes bytes of a copy that is made from others; they say nothing of the master before they count. */
  async fill(byteLength: number, write: () => Promise<void>): Promise<void> {
    const { space } = this.#deps
    requireRoom(space, byteLength)
    await this.#saysFull(write)
    space.noteAppended(byteLength)
  }

  /** INSUFFICIENT_SPACE if so many bytes more have no room. */
  requireRoom(bytes: number): void {
    requireRoom(this.#deps.space, bytes)
  }

  /** Says of a disk that refuses to take more what it means for whoever asked. */
  async #saysFull<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof DiskError && error.kind === 'full')) throw error
      this.#deps.space.noteFull()
      throw isFull(error)
    }
  }
}
