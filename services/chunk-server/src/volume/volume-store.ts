/** All copies of volumes that this server has: made on order, found again after a start, reported to the master. */
import { type Clock, type Disk, DiskError, Listeners, type Log } from '@dfs/core'
import { type CopyOrder, DfsError, formatId, type ReplicaReport, type VolumeOrder } from '@dfs/protocol'
import { type CopyState, type Crc32, isBeingCopied, newest, type Witness } from '@dfs/volume'
import { type AppendGuard } from './append-guard.ts'
import { removeRetired } from './copy-removal.ts'
import { OpenFiles } from './open-files.ts'
import { Recovery, type RecoveryDeps } from './recovery.ts'
import { type CopyDeps } from './copy-on-disk.ts'
import { VolumeCopy } from './volume-copy.ts'
import { VolumeQueue } from './volume-queue.ts'

export interface VolumeStoreDeps {
  readonly clock: Clock
  readonly disk: Disk
  readonly crc32: Crc32
  readonly log: Log
  /** Logs that are open while nobody appends to them. */
  readonly openFilesMax: number
  readonly lookAgainMs: RecoveryDeps['lookAgainMs']
  readonly guard: AppendGuard
  readonly keepWitness: CopyDeps['keepWitness']
}

/** A copy as the master names it. */
interface Named {
  readonly volume: number
  readonly replica: number
}

export class VolumeStore {
  /** Since the start; for operators. */
  readonly counters = { damagedRanges: 0, repairedRecords: 0 }
  /** A copy was sealed on the master's order. */
  readonly sealed = new Listeners<[volume: number]>()
  readonly #deps: VolumeStoreDeps
  readonly #files: OpenFiles
  readonly #copyDeps: CopyDeps
  readonly #recovery: Recovery
  readonly #copies = new Map<number, VolumeCopy>()
  /** Copies that nobody finds any more, and that are not off the disk yet. */
  readonly #leaving = new Map<number, VolumeCopy>()
  readonly #queue = new VolumeQueue()
  /** Volumes whose report has changed since it was last taken. */
  readonly #changed = new Set<number>()
  /** Copies that the master believes to be here and that are not, with their volumes, since reports were last taken. */
  readonly #absent = new Map<number, number>()

  private constructor(deps: VolumeStoreDeps) {
    this.#deps = deps
    this.#files = new OpenFiles(deps.disk, deps.openFilesMax)
    this.#copyDeps = { ...deps, files: this.#files }
    this.#recovery = new Recovery({ ...deps, copyDeps: this.#copyDeps, queue: this.#queue })
  }

  /** Finds every copy on the disk. Anything that cannot be read is logged and left where it is (R7). */
  static async open(deps: VolumeStoreDeps): Promise<VolumeStore> {
    const store = new VolumeStore(deps)
    for (const copy of await store.#recovery.findAll()) store.#copies.set(copy.state.order.volume, copy)
    return store
  }

  get(volume: number): VolumeCopy | undefined {
    return this.#copies.get(volume)
  }

  /** The copy, or VOLUME_NOT_FOUND. */
  require(volume: number): VolumeCopy {
    const copy = this.#copies.get(volume)
    if (copy === undefined)
      throw new DfsError('VOLUME_NOT_FOUND', `volume ${formatId(volume)} has no copy here`)
    return copy
  }

  /** Makes this server's copy as ordered; the same order again finds the copy that it made. INSUFFICIENT_SPACE, UNAVAILABLE. */
  create(order: VolumeOrder, replica: number): Promise<VolumeCopy> {
    return this.#deps.guard.create(() =>
      this.#queue.run(order.volume, () => this.#createOnce(order, replica)),
    )
  }

  /**
   * Makes this server's copy of a sealed volume as ordered, empty, to be filled from others; the same order again finds it,
   * whatever is in it by then. One that was to be made before, and never was, gives way: its order is older. INSUFFICIENT_SPACE;
   * UNAVAILABLE if something else is here of this volume.
   */
  createToFill(order: CopyOrder): Promise<VolumeCopy> {
    return this.#deps.guard.create(() => this.#queue.run(order.volume, () => this.#createToFillOnce(order)))
  }

  /**
   * The copy that an order names; null if it is not here. That is answered by a report that says so, unless the copy may turn
   * up or is on its way out: to the master the answer is final.
   */
  find({ volume, replica }: Named): VolumeCopy | null {
    const copy = this.#copies.get(volume)
    if (copy?.state.replica === replica) return copy
    if (!this.#isUnsure(volume)) this.#absent.set(replica, volume)
    return null
  }

  /**
   * Seals the copy of a volume that the master has sealed. If the disk does not take a note of it, the copy is sealed
   * until the next start, which asks the master again: the seal itself stands in the master's database. A length other than
   * that of an earlier seal changes nothing: to a master that means another length the copy never counts as in-sync (R8). But
   * if a new history of the metadata has begun since, it may lack the last records of the volume, or have more of them
   * than the one in which it was sealed: `mayMove`.
   */
  seal(volume: number, sealedLengthBytes: number, mayMove = false): Promise<void> {
    return this.#queue.run(volume, () => this.#seal(volume, sealedLengthBytes, mayMove))
  }

  /**
   * Removes this copy, for ever. From when its turn comes on, nobody finds it here any more, and what is under way on it ends
   * with VOLUME_NOT_FOUND. `absent`: it was not here, as this copy at least. Throws DiskError; it may be repeated then, and after
   * a crash.
   */
  drop(volume: number, replica: number): Promise<'dropped' | 'absent'> {
    return this.#queue.run(volume, async () => {
      await this.#recovery.removeSetAside(volume, replica)
      const copy = this.#copies.get(volume) ?? this.#leaving.get(volume)
      if (copy?.state.replica !== replica) return 'absent'
      await this.#remove(copy)
      return 'dropped'
    })
  }

  /** The copy that was ordered will not be made here: the master hears that, as of one that has failed. */
  noteNotMade({ volume, replica }: Named): void {
    this.#absent.set(replica, volume)
  }

  all(): VolumeCopy[] {
    return [...this.#copies.values()]
  }

  /** The newest that any record says which the start has read, or that was appended since. */
  get witness(): Witness | null {
    return this.all().reduce<Witness | null>((found, { witness }) => newest(found, witness), null)
  }

  /** Copies that could not be read. */
  get unreadableCount(): number {
    return this.#recovery.setAsideCount
  }

  /** Tries once more to read copies that could not be read, see {@link Recovery.lookAgain}; the master hears of it if they can. */
  lookAgain(signal: AbortSignal): Promise<boolean> {
    return this.#recovery.lookAgain(signal, (copy) => {
      const { volume } = copy.state.order
      this.#copies.set(volume, copy)
      this.noteChange(volume)
    })
  }

  /** Copies that are sealed but not verified yet, without those that are being made. */
  unverified(): VolumeCopy[] {
    return this.all().filter(
      ({ state }) =>
        state.state === 'sealed' &&
        state.verifiedToBytes !== state.sealedLengthBytes &&
        !isBeingCopied(state),
    )
  }

  /** Age of the oldest unfinished write: a disk that hangs shows here first. */
  oldestDiskCallMs(): number {
    const since = this.all().flatMap((copy) => copy.appendingSinceMs ?? [])
    return since.length === 0 ? 0 : Math.max(0, this.#deps.clock.monotonicMs() - Math.min(...since))
  }

  /** A new history of the metadata has begun without this server: what it has verified counts only when it was read again. Throws DiskError. */
  async forgetVerified(): Promise<void> {
    for (const volume of this.#copies.keys()) {
      await this.#queue.run(volume, async () => this.#copies.get(volume)?.forgetVerified())
      this.noteChange(volume)
    }
  }

  reports(): ReplicaReport[] {
    return [...this.#copies.values()].map((copy) => copy.report())
  }

  noteChange(volume: number): void {
    this.#changed.add(volume)
  }

  /**
   * Reports of copies that changed since the last call, at most so many: the rest comes with the next one. Hand them back with
   * {@link noteChange} if they did not arrive. Absent copies come again with the order.
   */
  takeChangedReports(changedMax = Infinity): ReplicaReport[] {
    const changed = [...this.#changed].slice(0, changedMax)
    const reports = changed.flatMap((volume) => this.#copies.get(volume)?.report() ?? [])
    const absent = [...this.#absent].map(([replica, volume]): ReplicaReport => {
      return { volume, replica, state: 'failed', lengthBytes: 0, verifiedToBytes: 0 }
    })
    for (const volume of changed) this.#changed.delete(volume)
    this.#absent.clear()
    return [...reports, ...absent]
  }

  async close(): Promise<void> {
    for (const copy of this.#copies.values()) await copy.close()
    this.#copies.clear()
    await this.#files.close()
  }

  async #seal(volume: number, sealedLengthBytes: number, mayMove: boolean): Promise<void> {
    const copy = this.#copies.get(volume)
    const before = copy?.state.sealedLengthBytes ?? sealedLengthBytes
    if (before !== sealedLengthBytes && !mayMove) {
      this.#deps.log.error(
        { volume: formatId(volume), sealedLengthBytes: before, ordered: sealedLengthBytes },
        'a sealed volume was ordered to be sealed at another length: its copy stays as it is',
      )
    }
    try {
      await copy?.seal(sealedLengthBytes, mayMove)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#deps.log.error({ volume: formatId(volume), err: error }, 'a seal could not be written down')
    }
    this.noteChange(volume)
  }

  async #createOnce(order: VolumeOrder, replica: number): Promise<VolumeCopy> {
    const existing = this.#copies.get(order.volume)
    if (existing !== undefined) return existing
    await this.#makePlace(order.volume)
    const state: CopyState = {
      formatVersion: 1,
      order,
      replica,
      state: 'open',
      sealedLengthBytes: null,
      verifiedToBytes: 0,
    }
    const copy = await VolumeCopy.create(this.#copyDeps, state)
    return this.#add(copy)
  }

  async #createToFillOnce({ volume, replica, order, sealedLengthBytes }: CopyOrder): Promise<VolumeCopy> {
    const existing = this.#copies.get(volume)
    if (existing?.state.replica === replica) {
      // In a new history of the metadata the volume may end elsewhere; of this copy nothing counts yet.
      if (isBeingCopied(existing.state)) await existing.seal(sealedLengthBytes, true)
      return existing
    }
    if (existing !== undefined) {
      if (!isBeingCopied(existing.state) || existing.state.replica > replica)
        throw new DfsError('UNAVAILABLE', `another copy of volume ${formatId(volume)} is here`)
      await this.#remove(existing)
    }
    await this.#makePlace(volume)
    const copy = await VolumeCopy.createToFill(this.#copyDeps, {
      formatVersion: 2,
      order,
      replica,
      state: 'sealed',
      sealedLengthBytes,
      verifiedToBytes: 0,
      origin: 'copied',
    })
    return this.#add(copy)
  }

  /** Nothing is left of an earlier copy of this volume when it resolves. */
  async #makePlace(volume: number): Promise<void> {
    if (this.#recovery.hasSetAside(volume)) {
      throw new DfsError('UNAVAILABLE', `what is here of volume ${formatId(volume)} cannot be read`)
    }
    // One that could not be removed so far.
    const leaving = this.#leaving.get(volume)
    if (leaving !== undefined) await this.#remove(leaving)
  }

  #add(copy: VolumeCopy): VolumeCopy {
    const { volume } = copy.state.order
    this.#copies.set(volume, copy)
    // The master hears of it: should the order have come late, the volume may be gone by now.
    this.noteChange(volume)
    return copy
  }

  async #remove(copy: VolumeCopy): Promise<void> {
    const { volume } = copy.state.order
    this.#copies.delete(volume)
    this.#changed.delete(volume)
    this.#leaving.set(volume, copy)
    await copy.retire()
    await removeRetired(this.#deps.disk, volume)
    this.#leaving.delete(volume)
  }

  /** Whether what there is of a volume here is changing, or cannot be said. */
  #isUnsure(volume: number): boolean {
    return this.#queue.isBusy(volume) || this.#leaving.has(volume) || this.#recovery.hasSetAside(volume)
  }
}
