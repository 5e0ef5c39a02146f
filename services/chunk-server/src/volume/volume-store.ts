/** All copies of volumes that this server has: made on order, found again after a start, reported to the master. */
import { type Clock, type Disk, DiskError, Listeners, type Log } from '@dfs/core'
import {
  type CheckOrder,
  DfsError,
  epochOf,
  formatId,
  type HeartbeatRequest,
  HISTORY_STARTS,
  type Order,
  type ReplicaReport,
  type VolumeOrder,
} from '@dfs/protocol'
import { type CopyState, type Crc32, newest, type Witness } from '@dfs/volume'
import { type AppendGuard } from './append-guard.ts'
import { OpenFiles } from './open-files.ts'
import { Recovery, type RecoveryDeps } from './recovery.ts'
import { type CopyDeps, VolumeCopy } from './volume-copy.ts'

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

/** A record that was checked, as the master is told. */
type Checked = HeartbeatRequest['checked'][number]

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
  readonly #creating = new Map<number, Promise<VolumeCopy>>()
  /** Volumes whose report has changed since it was last taken. */
  readonly #changed = new Set<number>()
  /** Copies that the master believes to be here and that are not, with their volumes, since reports were last taken. */
  readonly #absent = new Map<number, number>()
  /** Orders to check that wait, by {@link checkKey}; as many as the master has outstanding at most. */
  readonly #checks = new Map<string, CheckOrder>()
  readonly #checked = new Map<string, Checked>()

  private constructor(deps: VolumeStoreDeps) {
    this.#deps = deps
    this.#files = new OpenFiles(deps.disk, deps.openFilesMax)
    this.#copyDeps = { ...deps, files: this.#files }
    this.#recovery = new Recovery({ ...deps, copyDeps: this.#copyDeps })
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

  /** Makes this server's copy as ordered; the same order again finds the copy that it made. INSUFFICIENT_SPACE. */
  create(order: VolumeOrder, replica: number): Promise<VolumeCopy> {
    return this.#deps.guard.create(() => this.#createOnce(order, replica))
  }

  /**
   * Carries out an order of the master. One for a copy that is not here is answered by a report that says so, unless it may
   * turn up: to the master that answer is final. `epoch` is the start of the master that gives it.
   */
  async obey(order: Order, epoch: number): Promise<void> {
    if (order.kind === 'drop') return
    if (this.#creating.has(order.volume) || this.#recovery.hasSetAside(order.volume)) return
    const copy = this.#copies.get(order.volume)
    if (copy?.state.replica !== order.replica) {
      this.#absent.set(order.replica, order.volume)
      return
    }
    switch (order.kind) {
      case 'check':
        this.#checks.set(checkKey(order), order)
        return
      case 'seal':
        await this.seal(order.volume, order.sealedLengthBytes, isOfEarlierHistory(order.volume, epoch))
        this.sealed.call(order.volume)
    }
  }

  /** An order to check, the oldest first; null where there is none. One that is not noted as checked comes again. */
  takeCheck(): CheckOrder | null {
    for (const [key, order] of this.#checks) {
      this.#checks.delete(key)
      return order
    }
    return null
  }

  noteChecked({ replica, offset }: Checked): void {
    this.#checked.set(checkKey({ replica, offset }), { replica, offset })
  }

  /** Records checked since the last call; hand them back with {@link noteChecked} if they did not arrive. */
  takeChecked(): Checked[] {
    const checked = [...this.#checked.values()]
    this.#checked.clear()
    return checked
  }

  /**
   * Seals the copy of a volume that the master has sealed. Where the disk does not take a note of it, the copy is sealed
   * until the next start, which asks the master again: the seal itself stands in the master's database. A length other than
   * that of an earlier seal changes nothing: to a master that means another length the copy never counts as in-sync (R8). But
   * where a new history of the metadata has begun since, it may lack the last records of the volume, or have more of them
   * than the one in which it was sealed: `mayMove`.
   */
  async seal(volume: number, sealedLengthBytes: number, mayMove = false): Promise<void> {
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

  all(): VolumeCopy[] {
    return [...this.#copies.values()]
  }

  /** The newest that any record says which the start has read. */
  get foundWitness(): Witness | null {
    const found = [...this.#copies.values()].map((copy) => copy.foundWitness)
    return found.reduce(newest, null)
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

  /** Copies that are sealed but not verified yet. */
  unverified(): VolumeCopy[] {
    return [...this.#copies.values()].filter(
      ({ state }) => state.state === 'sealed' && state.verifiedToBytes !== state.sealedLengthBytes,
    )
  }

  /** Age of the oldest unfinished write: a disk that hangs shows here first. */
  oldestDiskCallMs(): number {
    const since = [...this.#copies.values()].flatMap((copy) => copy.appendingSinceMs ?? [])
    return since.length === 0 ? 0 : Math.max(0, this.#deps.clock.monotonicMs() - Math.min(...since))
  }

  /**
   * To be called when a new history of the metadata has begun without this server: what it has verified counts from then on
   * only when it was read again. Throws DiskError.
   */
  async forgetVerified(): Promise<void> {
    for (const copy of this.#copies.values()) {
      await copy.forgetVerified()
      this.noteChange(copy.state.order.volume)
    }
  }

  reports(): ReplicaReport[] {
    return [...this.#copies.values()].map((copy) => copy.report())
  }

  noteChange(volume: number): void {
    this.#changed.add(volume)
  }

  /** Reports of copies that changed since the last call; hand them back with {@link noteChange} if they did not arrive. Absent copies come again with the order. */
  takeChangedReports(): ReplicaReport[] {
    const reports = [...this.#changed].flatMap((volume) => this.#copies.get(volume)?.report() ?? [])
    const absent = [...this.#absent].map(([replica, volume]): ReplicaReport => {
      return { volume, replica, state: 'failed', lengthBytes: 0, verifiedToBytes: 0 }
    })
    this.#changed.clear()
    this.#absent.clear()
    return [...reports, ...absent]
  }

  async close(): Promise<void> {
    for (const copy of this.#copies.values()) await copy.close()
    this.#copies.clear()
    await this.#files.close()
  }

  #createOnce(order: VolumeOrder, replica: number): Promise<VolumeCopy> {
    const existing = this.#copies.get(order.volume)
    if (existing !== undefined) return Promise.resolve(existing)
    const underWay = this.#creating.get(order.volume)
    if (underWay !== undefined) return underWay
    const creating = this.#create(order, replica).finally(() => this.#creating.delete(order.volume))
    this.#creating.set(order.volume, creating)
    return creating
  }

  async #create(order: VolumeOrder, replica: number): Promise<VolumeCopy> {
    const state: CopyState = {
      formatVersion: 1,
      order,
      replica,
      state: 'open',
      sealedLengthBytes: null,
      verifiedToBytes: 0,
    }
    const copy = await VolumeCopy.create(this.#copyDeps, state)
    this.#copies.set(order.volume, copy)
    return copy
  }
}

const checkKey = ({ replica, offset }: Checked): string => `${replica}@${offset}`

/** Whether a new history of the metadata may have begun since a volume was made: ids hold the start that made them. */
const isOfEarlierHistory = (volume: number, epoch: number): boolean =>
  epochOf(volume) + HISTORY_STARTS <= epoch
