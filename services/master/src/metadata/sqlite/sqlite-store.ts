/** The store on SQLite: each call is one transaction on one connection, carried out before the call returns. */
import { assert, type Random } from '@dfs/core'
import {
  type CommandResult,
  DfsError,
  type Epoch,
  type ListPage,
  type ListRequest,
  type Lookup,
  type LookupResult,
  type ReplicaReport,
  type SealOrder,
  type VolumeOrder,
} from '@dfs/protocol'
import {
  type AllocationRequest,
  type CommitBatchReply,
  type CommitBatchRequest,
  type MetadataStore,
  type Moment,
  type CopiesOfVolume,
  type CopyOfVolume,
  type OpenVolume,
  ORDERS_MAX,
  type Placement,
  type Registration,
  type RegistrationOutcome,
  type Renaming,
  type ReportOutcome,
  type ServerRecord,
  type Totals,
  type VolumeAllocation,
} from '../store.ts'
import { type KeptFiles } from '../log/kept-files.ts'
import { type Kept } from '@dfs/wal'
import { allocate, findAllocation } from './allocate.ts'
import { type Checkpointer } from './checkpointer.ts'
import { answerKnown, applyRequest } from './commit.ts'
import { type Connection } from './connection.ts'
import { type DirectoryLock } from './directory-lock.ts'
import { listPage } from './listing.ts'
import { answerLookup } from './lookup.ts'
import { measureStep } from './measure.ts'
import { applyRegistration, applyReports } from './reports.ts'
import { openTables, type Tables } from './tables.ts'
import { copiesOf } from './volume.ts'
import { openVolumeOf } from './volumes.ts'

/** Entries of deleted directories that are counted at once. */
const COUNT_STEP_ENTRIES = 1000
/** Idempotency keys that are removed at once: some ten milliseconds, and as many each second as a busy cluster brings. */
const FORGET_STEP_KEYS = 5000

export interface StoreParts {
  readonly connection: Connection
  readonly tables: Tables
  readonly random: Random
  readonly lock: DirectoryLock | null
  readonly checkpointer: Checkpointer | null
  readonly kept: KeptFiles | null
}

export class SqliteStore implements MetadataStore {
  readonly #parts: StoreParts
  readonly #tables: Tables
  #closed: Promise<void> | null = null

  /** Use `openSqliteStore`. */
  constructor(parts: StoreParts) {
    this.#parts = parts
    this.#tables = parts.tables
  }

  get clusterId(): string {
    return this.#tables.state.clusterId
  }

  epoch(): Epoch {
    return this.#tables.state.epoch
  }

  featureLevel(): number {
    return this.#tables.state.featureLevel
  }

  async includes(seen: Epoch): Promise<boolean> {
    return this.#read(() => this.#tables.state.includes(seen))
  }

  async commitBatch(requests: readonly CommitBatchRequest[], now: Moment): Promise<CommitBatchReply> {
    const { state, results: kept } = this.#tables
    const results = this.#change(() => {
      state.advanceTime(now.clusterMs)
      const decided = requests.map((request) => applyRequest(this.#tables, request, now))
      kept.flush(state.nextSequence)
      return decided
    })
    return { results, sequence: this.epoch().sequence }
  }

  async answerKnown(requests: readonly CommitBatchRequest[]): Promise<readonly (readonly CommandResult[])[]> {
    return this.#read(() => requests.map((request) => answerKnown(this.#tables, request)))
  }

  async lookupBatch(lookups: readonly Lookup[]): Promise<LookupResult[]> {
    return this.#read(() => lookups.map((lookup) => answerLookup(this.#tables, lookup)))
  }

  async measure(renaming: Renaming, mayWalk: boolean): Promise<boolean> {
    const step = this.#read(() => measureStep(this.#tables, renaming, mayWalk))
    if (step.kind === 'found') this.#change(() => this.#tables.tree.setReach(step.directory, step.bytes))
    return step.kind === 'more'
  }

  async list(request: ListRequest): Promise<ListPage> {
    return this.#read(() => listPage(this.#tables, request))
  }

  async registerServer(registration: Registration, nowWallMs: number): Promise<RegistrationOutcome> {
    const { incarnation, diskUid, featureLevel } = registration
    const inUse = this.featureLevel()
    if (featureLevel < inUse) {
      const reads = `the program of ${registration.name} reads level ${featureLevel}`
      throw new DfsError('OUTDATED_PROGRAM', `this cluster uses feature level ${inUse}, ${reads}`)
    }
    const known = this.#tables.servers.withDisk(diskUid)
    if (known !== undefined && known.incarnation > incarnation) {
      throw new DfsError('STALE_INCARNATION', `server ${known.id} has started anew since ${incarnation}`)
    }
    return this.#change(() => applyRegistration(this.#tables, registration, nowWallMs))
  }

  async servers(): Promise<readonly ServerRecord[]> {
    return this.#tables.servers.all()
  }

  async recordReports(
    from: Placement,
    reports: readonly ReplicaReport[],
    nowWallMs: number,
  ): Promise<ReportOutcome> {
    this.#tables.servers.requireCurrent(from)
    return this.#change(() => applyReports(this.#tables, from.server, reports, nowWallMs))
  }

  async copyOn(id: number, server: number): Promise<CopyOfVolume | null> {
    return this.#read(() => this.#tables.volumes.copyOn(id, server))
  }

  async copiesOf(id: number): Promise<CopiesOfVolume> {
    const volume = this.#read(() => this.#tables.volumes.get(id))
    if (volume === undefined) throw new DfsError('VOLUME_NOT_FOUND', `there is no volume ${id}`)
    return copiesOf(volume)
  }

  async pendingOrders(server: number): Promise<readonly SealOrder[]> {
    return this.#read(() => this.#tables.volumes.sealOrdersFor(server, ORDERS_MAX))
  }

  async findAllocation(request: AllocationRequest): Promise<readonly VolumeOrder[] | null> {
    return this.#read(() => findAllocation(this.#tables, request))
  }

  async allocateVolumes(allocation: VolumeAllocation, nowWallMs: number): Promise<readonly VolumeOrder[]> {
    const { servers } = this.#tables
    servers.requireCurrent(allocation.primary)
    const granted = this.#read(() => findAllocation(this.#tables, allocation))
    if (granted !== null) return granted
    for (const placement of allocation.sets.flat()) {
      if (servers.isCurrent(placement)) continue
      throw new DfsError('COPY_ERROR', `server ${placement.server} has just started anew; ask again`)
    }
    return this.#change(() => allocate(this.#tables, this.#parts.random, allocation, nowWallMs))
  }

  async sealVolumes(ids: readonly number[], reason: string, nowWallMs: number): Promise<readonly number[]> {
    const volumes = ids.map((id) => {
      const volume = this.#tables.volumes.get(id)
      if (volume === undefined) throw new DfsError('VOLUME_NOT_FOUND', `there is no volume ${id}`)
      return volume
    })
    if (volumes.some((volume) => volume.state === 'open')) {
      this.#change(() => volumes.forEach((volume) => this.#tables.states.seal(volume, reason, nowWallMs)))
    }
    return volumes.map((volume) => volume.sealedLength!)
  }

  async openVolumesOf(server: number): Promise<readonly OpenVolume[]> {
    return this.#tables.volumes.openOn(server).map(openVolumeOf)
  }

  async openVolumeCounts(): Promise<ReadonlyMap<number, number>> {
    return this.#tables.volumes.openCounts()
  }

  async totals(): Promise<Totals> {
    const { state, volumes } = this.#tables
    return { ...state.counters, volumesOpen: volumes.openCount, volumesSealed: volumes.sealedCount }
  }

  get kept(): readonly Kept[] {
    return this.#parts.kept?.list ?? []
  }

  async forgetTorn(): Promise<void> {
    await this.#parts.kept?.forgetTorn()
  }

  clusterMs(): number {
    return this.#tables.state.clusterMs
  }

  async keepTime(clusterMs: number): Promise<void> {
    this.#change(() => this.#tables.state.advanceTime(clusterMs))
  }

  async forgetKeys(): Promise<boolean> {
    const { keys } = this.#tables
    if (keys.hasOld) this.#change(() => keys.step(FORGET_STEP_KEYS))
    return keys.hasOld
  }

  async countDeleted(): Promise<boolean> {
    const { deleted } = this.#tables
    if (deleted.hasMore) this.#change(() => deleted.step(COUNT_STEP_ENTRIES))
    return deleted.hasMore
  }

  /**
   * The store as the next start of the process would find it: what is committed is read anew, under a new epoch. Nothing
   * may call this object any more. For simulated crashes of a master whose database is in memory.
   */
  reopen(random: Random): SqliteStore {
    const { connection } = this.#parts
    assert(this.#parts.lock === null && this.#closed === null, 'only an open store in memory is opened again')
    this.#closed = Promise.resolve()
    return new SqliteStore({ ...this.#parts, random, tables: openTables(connection, random) })
  }

  /** Rows of the database as they are now, for a check of the whole. */
  rows(sql: string, ...parameters: readonly (number | string)[]): Iterable<Record<string, unknown>> {
    return this.#parts.connection.database.prepare(sql).iterate(...parameters)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** One durable transaction. Whatever the work has changed in memory is true only if it commits. */
  #change<T>(work: () => T): T {
    this.#requireOpen()
    const { state, volumes } = this.#tables
    const result = this.#parts.connection.write(() => {
      const value = work()
      volumes.flush()
      state.save()
      return value
    })
    state.noteCommitted()
    this.#parts.checkpointer?.noteCommit()
    return result
  }

  #read<T>(work: () => T): T {
    this.#requireOpen()
    return this.#parts.connection.read(work)
  }

  #requireOpen(): void {
    if (this.#closed !== null) throw new DfsError('UNAVAILABLE', 'the metadata store is closed')
  }

  async #close(): Promise<void> {
    const { connection, checkpointer, lock } = this.#parts
    await checkpointer?.close()
    try {
      connection.finish()
    } finally {
      lock?.release()
    }
  }
}
