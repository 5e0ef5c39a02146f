/**
 * The store, whatever its engine: each call is one transaction, in which the books decide and the engine keeps rows. What an
 * engine adds is how it is opened, what it keeps aside for people, and how it is closed.
 */
import { type Random } from '@dfs/core'
import {
  type CommandResult,
  type DropOrder,
  type Epoch,
  type Explanation,
  type ExplainRequest,
  type ListPage,
  type ListRequest,
  type Lookup,
  type LookupResult,
  type SealOrder,
  type VolumeOrder,
  type WeakFiles,
  type WeakFilesRequest,
} from '@dfs/protocol'
import { type CopyView, type Tallying } from '../../metadata/copy-store.ts'
import {
  type GrantKey,
  type CopiesOfVolume,
  type CopyId,
  type CopyOfVolume,
  type CopyReport,
  type DeletionStep,
  type OpenVolumeInfo,
  type Placement,
  type Registration,
  type RegistrationOutcome,
  type ReportOutcome,
  type RegisteredServer,
  type ServerLoad,
  type VolumeAllocation,
} from '../../metadata/cluster-store.ts'
import { type HolderStore } from '../../metadata/holder-store.ts'
import { type RecoveryStore } from '../../metadata/recovery-store.ts'
import { type RemovalStore } from '../../metadata/removal-store.ts'
import { type RepairStore } from '../../metadata/repair-store.ts'
import {
  type CommitBatchReply,
  type CommitBatchRequest,
  type DecidedStore,
  type Moment,
  type Renaming,
  type Totals,
} from '../../metadata/store.ts'
import { allocate, findAllocation } from './allocate.ts'
import { type Books } from './books.ts'
import { answerKnown, decideBatch, readsOfKeys } from './commit.ts'
import { countCopies } from './copy-counts.ts'
import { deleteEmpty, deletingOn, noteDropped } from './deletion.ts'
import { explain, listWeak } from './explanations.ts'
import { listPage } from './listing.ts'
import { answerLookup, readsOfLookup } from './lookup.ts'
import { measureStep } from './measure.ts'
import { once, together } from './reads.ts'
import { DecidingHolders } from './deciding-holders.ts'
import { DecidingRecovery } from './deciding-recovery.ts'
import { DecidingRemoval } from './deciding-removal.ts'
import { DecidingRepairs } from './deciding-repairs.ts'
import { finishRegistration, register, report } from './reports.ts'
import { copiesOf } from './volume.ts'
import { openVolumeOf } from './volumes.ts'
import { seal } from './seal.ts'
import { type Engine, type Frame, type Naming, plain, Unchanged, unwrap, type Work } from './work.ts'

/** Entries of deleted directories that are counted at once. */
const COUNT_STEP_ENTRIES = 1000
/** Idempotency keys that are removed at once: some ten milliseconds, and as many each second as a busy cluster brings. */
const FORGET_STEP_KEYS = 5000

export interface DecidingStoreParts {
  readonly engine: Engine
  readonly books: Books
  readonly random: Random
}

export class DecidingStore implements DecidedStore {
  readonly repairing: RepairStore
  readonly holding: HolderStore
  readonly recovering: RecoveryStore
  readonly removing: RemovalStore
  readonly #engine: Engine
  readonly #books: Books
  readonly #random: Random
  readonly #frame: Frame<unknown>

  constructor({ engine, books, random }: DecidingStoreParts) {
    this.#engine = engine
    this.#books = books
    this.#random = random
    this.#frame = frameOf(books)
    const change = <T>(work: Work<T | Unchanged<T>>): Promise<T> => this.#change(work)
    this.repairing = new DecidingRepairs({ engine, books, change })
    this.holding = new DecidingHolders({ books, change })
    this.recovering = new DecidingRecovery({ engine, books, change })
    this.removing = new DecidingRemoval({ engine, books, change })
  }

  get clusterId(): string {
    return this.#books.state.clusterId
  }

  epoch(): Epoch {
    return this.#books.state.epoch
  }

  featureLevel(): number {
    return this.#books.state.featureLevel
  }

  async includes(seen: Epoch): Promise<boolean> {
    return this.#engine.read(plain(() => this.#books.state.includes(seen)))
  }

  async commitBatch(requests: readonly CommitBatchRequest[], now: Moment): Promise<CommitBatchReply> {
    return this.#change(decideBatch(this.#books, requests, now))
  }

  async answerKnown(requests: readonly CommitBatchRequest[]): Promise<readonly (readonly CommandResult[])[]> {
    const commands = requests.flatMap((request) => request.commands)
    return this.#read(
      () => once(...commands.flatMap((command) => readsOfKeys(this.#books, command))),
      () => requests.map((request) => answerKnown(this.#books, request)),
    )
  }

  async lookupBatch(
    lookups: readonly Lookup[],
    there: ReadonlySet<number> = NOBODY,
  ): Promise<LookupResult[]> {
    return this.#read(
      () => together(lookups.map((lookup) => readsOfLookup(this.#books, lookup))),
      () => lookups.map((lookup) => answerLookup(this.#books, lookup, there)),
    )
  }

  async measure(renaming: Renaming, mayWalk: boolean): Promise<boolean> {
    const step = measureStep(this.#books, renaming, mayWalk)
    return mayWalk ? this.#change(step) : unwrap(await this.#engine.read(step))
  }

  async list(request: ListRequest): Promise<ListPage> {
    return this.#engine.read(listPage(this.#books, request))
  }

  async registerServer(registration: Registration, nowWallMs: number): Promise<RegistrationOutcome> {
    return this.#change(register(this.#books, registration, nowWallMs))
  }

  async servers(): Promise<readonly RegisteredServer[]> {
    const { servers, volumes } = this.#books
    return servers.all().filter(({ id, mode }) => mode !== 'removed' || volumes.onServer(id).count > 0)
  }

  async serverNames(): Promise<ReadonlyMap<number, string>> {
    return new Map(this.#books.servers.all().map(({ id, name }) => [id, name]))
  }

  async noteReports(
    from: Placement,
    reports: readonly CopyReport[],
    nowWallMs: number,
  ): Promise<ReportOutcome> {
    return this.#change(report(this.#books, from, reports, nowWallMs))
  }

  async finishRegistration(from: Placement): Promise<boolean> {
    return this.#change(finishRegistration(this.#books, from))
  }

  async noteDropped(from: Placement, copies: readonly CopyId[]): Promise<void> {
    return this.#change(noteDropped(this.#books, from, copies))
  }

  async orders(
    server: number,
    countMax: number,
    knowsDrop: boolean,
  ): Promise<readonly (SealOrder | DropOrder)[]> {
    const { volumes } = this.#books
    return this.#engine.read(plain(() => volumes.onServer(server).takeOrders(countMax, knowsDrop)))
  }

  async copyOn(id: number, server: number): Promise<CopyOfVolume | null> {
    return this.#engine.read(plain(() => this.#books.volumes.copyOn(id, server)))
  }

  async copiesOf(id: number): Promise<CopiesOfVolume> {
    return this.#engine.read(plain(() => copiesOf(this.#books.volumes.require(id))))
  }

  async findAllocation(request: GrantKey): Promise<readonly VolumeOrder[] | null> {
    return this.#engine.read(plain(() => findAllocation(this.#books, request)))
  }

  async allocateVolumes(allocation: VolumeAllocation, nowWallMs: number): Promise<readonly VolumeOrder[]> {
    return this.#change(allocate(this.#books, this.#random, allocation, nowWallMs))
  }

  async sealVolumes(ids: readonly number[], reason: string, nowWallMs: number): Promise<readonly number[]> {
    return this.#change(seal(this.#books, ids, reason, nowWallMs))
  }

  async openVolumesOf(server: number): Promise<readonly OpenVolumeInfo[]> {
    return this.#books.volumes.openOn(server).map(openVolumeOf)
  }

  async copyStates(): Promise<ReadonlyMap<string, number>> {
    return this.#books.volumes.copyStates()
  }

  async openVolumeLoads(volumeSizeBytes: number): Promise<ReadonlyMap<number, ServerLoad>> {
    return this.#engine.read(plain(() => this.#books.volumes.loads(volumeSizeBytes)))
  }

  async totals(): Promise<Totals> {
    const { state, volumes } = this.#books
    const { openCount: volumesOpen, sealedCount: volumesSealed, deletingCount: volumesDeleting } = volumes
    return {
      ...state.counters,
      volumesOpen,
      volumesSealed,
      volumesDeleting,
      deletingOn: deletingOn(this.#books),
    }
  }

  tally(view: CopyView): Tallying {
    const count = countCopies(this.#books, view)
    return { step: (volumesMax) => this.#engine.read(plain(() => count(volumesMax))) }
  }

  async explainFile(request: ExplainRequest, view: CopyView): Promise<Explanation> {
    return this.#engine.read(explain(this.#books, request, view))
  }

  async weakFiles(request: WeakFilesRequest, view: CopyView): Promise<Omit<WeakFiles, 'total'>> {
    return this.#engine.read(listWeak(this.#books, request, view))
  }

  clusterMs(): number {
    return this.#books.state.clusterMs
  }

  async keepTime(clusterMs: number): Promise<void> {
    await this.#change(plain(() => this.#books.state.advanceTime(clusterMs)))
  }

  async forgetKeys(): Promise<boolean> {
    const { keys } = this.#books
    if (keys.hasOld) await this.#change(plain(() => keys.step(FORGET_STEP_KEYS)))
    return keys.hasOld
  }

  async countDeleted(): Promise<boolean> {
    const { deleted } = this.#books
    if (deleted.hasMore) await this.#change(deleted.step(COUNT_STEP_ENTRIES))
    return deleted.hasMore
  }

  async deleteEmptyVolumes(countMax: number, clusterMs: number): Promise<DeletionStep> {
    return this.#change(deleteEmpty(this.#books, countMax, clusterMs))
  }

  /** One durable transaction. Whatever the work has changed in memory is true only if it commits. */
  async #change<T>(work: Work<T | Unchanged<T>>): Promise<T> {
    return unwrap(await this.#engine.change<T | Unchanged<T>>(work, this.#frame))
  }

  #read<T>(naming: Naming, answer: () => T): Promise<T> {
    const work = function* (): Work<T> {
      yield naming
      return answer()
    }
    return this.#engine.read(work())
  }
}

const NOBODY: ReadonlySet<number> = new Set()

const frameOf = ({ state, volumes }: Books): Frame<unknown> => ({
  save: (outcome) => {
    if (outcome instanceof Unchanged) return
    volumes.flush()
    state.save()
  },
  committed: (outcome) => {
    if (!(outcome instanceof Unchanged)) state.noteCommitted()
  },
})
