/** All copies of volumes that this server has: made on order, found again after a start, reported to the master. */
import { type Clock, type Disk, DiskError, type Log, Semaphore } from '@dfs/core'
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
import { type CopyState, type Crc32, newest, VOLUMES_DIRECTORY, volumesIn, type Witness } from '@dfs/volume'
import { type AppendGuard } from './append-guard.ts'
import { loadState } from './copy-note.ts'
import { OpenFiles } from './open-files.ts'
import { RecoveryProgress } from './recovery-progress.ts'
import { type CopyDeps, VolumeCopy } from './volume-copy.ts'

export interface VolumeStoreDeps {
  readonly clock: Clock
  readonly disk: Disk
  readonly crc32: Crc32
  readonly log: Log
  /** Logs that are open while nobody appends to them. */
  readonly openFilesMax: number
  /** Time between two attempts to read the copies that could not be read. */
  readonly lookAgainMs: number
  readonly guard: AppendGuard
  readonly keepWitness: CopyDeps['keepWitness']
  /** A copy was sealed on the master's order. */
  readonly onSealed: (volume: number) => void
}

/** Each takes a buffer of the size of the largest record. */
const RECOVERIES_AT_ONCE = 4

/** A record that was checked, as the master is told. */
type Checked = HeartbeatRequest['checked'][number]

export class VolumeStore {
  /** Since the start; for operators. */
  readonly counters = { damagedRanges: 0, repairedRecords: 0 }
  readonly #deps: VolumeStoreDeps
  readonly #files: OpenFiles
  readonly #copies = new Map<number, VolumeCopy>()
  readonly #creating = new Map<number, Promise<VolumeCopy>>()
  /** Volumes whose report has changed since it was last taken. */
  readonly #changed = new Set<number>()
  /** Copies that the master believes to be here and that are not, with their volumes, since reports were last taken. */
  readonly #absent = new Map<number, number>()
  /** Copies that could not be read, or not rightly. They are left as they are, and may turn up yet. */
  readonly #unreadable = new Set<number>()
  #lookAgainAtMs = 0
  /** Those of them whose turn comes still. */
  #toLookAt: number[] = []
  /** Orders to check that wait, by {@link checkKey}; as many as the master has outstanding at most. */
  readonly #checks = new Map<string, CheckOrder>()
  readonly #checked = new Map<string, Checked>()

  private constructor(deps: VolumeStoreDeps) {
    this.#deps = deps
    this.#files = new OpenFiles(deps.disk, deps.openFilesMax)
  }

  /** Finds every copy on the disk. Anything that cannot be read is logged and left where it is (R7). */
  static async open(deps: VolumeStoreDeps): Promise<VolumeStore> {
    const { disk, log } = deps
    await disk.makeDirectory(VOLUMES_DIRECTORY)
    await disk.syncDirectory('')
    const store = new VolumeStore(deps)
    const { states, logs } = volumesIn(await disk.list(VOLUMES_DIRECTORY))
    await store.#recoverAll(states)
    const orphans = logs.filter((volume) => !states.includes(volume))
    if (orphans.length > 0)
      log.warn({ volumes: orphans.map(formatId) }, 'logs without a state are kept aside')
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
    if (this.#creating.has(order.volume) || this.#unreadable.has(order.volume)) return
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
        this.#deps.onSealed(order.volume)
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
    return this.#unreadable.size
  }

  /**
   * Tries once more to read one of the copies that could not be read at the start, now and then; the master hears of it where
   * it can. Resolves to whether another one's turn comes next. Rejects with the signal's reason.
   */
  async lookAgain(signal: AbortSignal): Promise<boolean> {
    const { clock, log, lookAgainMs } = this.#deps
    if (this.#toLookAt.length === 0) {
      if (clock.monotonicMs() < this.#lookAgainAtMs) return false
      this.#toLookAt = [...this.#unreadable]
    }
    const volume = this.#toLookAt.shift()
    if (volume === undefined) return false
    const copy = await this.#recover(volume, { onRead: () => signal.throwIfAborted(), signal })
    signal.throwIfAborted()
    if (copy !== null) {
      // At once: an order that comes between the two would be answered with a copy that is not here.
      this.#copies.set(volume, copy)
      this.#unreadable.delete(volume)
      this.noteChange(volume)
      log.info({ volume: formatId(volume) }, 'a copy can be read again')
    }
    if (this.#toLookAt.length > 0) return true
    this.#lookAgainAtMs = clock.monotonicMs() + lookAgainMs
    return false
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
    const copy = await VolumeCopy.create({ ...this.#deps, files: this.#files }, state)
    this.#copies.set(order.volume, copy)
    return copy
  }

  /** Some at a time: while one is waited for, another one's bytes are summed. */
  async #recoverAll(volumes: readonly number[]): Promise<void> {
    const progress = new RecoveryProgress({ ...this.#deps, copies: volumes.length })
    const slots = new Semaphore(RECOVERIES_AT_ONCE, Infinity)
    const outcomes = await Promise.allSettled(
      volumes.map((volume) =>
        slots.run(async () => {
          const copy = await this.#recover(volume, { onRead: (bytes) => progress.noteRead(bytes) })
          if (copy !== null) progress.noteFound()
          return copy
        }),
      ),
    )
    // In the order of the volumes, whichever was found first.
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason
      if (outcome.value !== null) this.#copies.set(outcome.value.state.order.volume, outcome.value)
    }
    this.#lookAgainAtMs = this.#deps.clock.monotonicMs() + this.#deps.lookAgainMs
    progress.end()
  }

  /** The copy as it is found; null, and a word in the log, where it cannot be. Rejects with the signal's reason. */
  async #recover(
    volume: number,
    { onRead, signal }: { onRead: (bytes: number) => void; signal?: AbortSignal },
  ): Promise<VolumeCopy | null> {
    const { log } = this.#deps
    try {
      const state = await loadState(this.#deps, volume)
      if (state === null) return null
      return await VolumeCopy.recover({ ...this.#deps, files: this.#files }, state, onRead)
    } catch (error) {
      signal?.throwIfAborted()
      const isGone = error instanceof DiskError && error.kind === 'missing'
      if (!this.#unreadable.has(volume))
        log.error({ volume: formatId(volume), err: error }, 'a copy cannot be opened and is kept aside')
      if (!isGone) this.#unreadable.add(volume)
      return null
    }
  }
}

const checkKey = ({ replica, offset }: Checked): string => `${replica}@${offset}`

/** Whether a new history of the metadata may have begun since a volume was made: ids hold the start that made them. */
const isOfEarlierHistory = (volume: number, epoch: number): boolean =>
  epochOf(volume) + HISTORY_STARTS <= epoch
