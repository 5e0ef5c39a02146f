/**
 * All promises, checked while a run goes on: each decision of the master before the ledger takes it, each answer when a client
 * gets it, each write to a log when it is asked for, and the disks at intervals. The first one that is broken fails the run.
 */
import { assert } from '@dfs/core'
import {
  type ChunkPlacement,
  type CommandSuccess,
  type CopyOrder,
  type Epoch,
  type FileInfo,
  type VolumeOrder,
} from '@dfs/protocol'
import { type SimDisk } from '@dfs/sim-runtime'
import { Atlas } from '../ledger/atlas.ts'
import { diskUidOf } from '../ledger/disk-uid.ts'
import { type CopyAction, Ledger } from '../ledger/ledger.ts'
import {
  type Decision,
  type Registration,
  type Reports,
  type StoreObserver,
} from '../ledger/observed-store.ts'
import { type SimCluster } from '../sim-cluster.ts'
import { type Knobs } from '../run/knobs.ts'
import { Bounds } from './bounds.ts'
import { CommitRules } from './commits.ts'
import { DeletionRules } from './deletions.ts'
import { type Acknowledgement, DurabilityRules } from './durability.ts'
import { type LogWriteRules, watchLogs } from './log-writes.ts'
import { MetadataCopyRules } from './metadata-copies.ts'
import { PromisedCopies } from './promised-copies.ts'
import { type ReadResult, ReadRules } from './reads.ts'
import { ReplicaRules } from './replicas.ts'
import { VerificationRules } from './verification.ts'

/** Virtual milliseconds between two looks at all disks. */
const LOOK_EVERY_MS = 5000

export type InvariantKnobs = Pick<Knobs, 'isBeyondTolerance' | 'replicas' | 'metadataCopies'>

export class Invariants implements StoreObserver {
  readonly ledger = new Ledger()
  readonly atlas: Atlas
  readonly #cluster: SimCluster
  readonly #disks: SimDisk[] = []
  readonly #commits = new CommitRules(this.ledger)
  readonly #durability: DurabilityRules
  readonly #reads = new ReadRules(this.ledger)
  readonly #replicas: ReplicaRules
  readonly #verification: VerificationRules
  readonly #deletions: DeletionRules
  readonly #logs: LogWriteRules[] = []
  readonly #bounds: Bounds
  readonly promised: PromisedCopies
  readonly metadata: MetadataCopyRules
  /** When anything was last decided of a copy, in virtual time. */
  lastActedMs = 0
  /** Told of each copy that is to be made. */
  onCopyOrdered: (copy: CopyAction & { readonly kind: 'copy' }) => void = () => undefined
  #checksCount = 0
  #replaysCount = 0
  #turnedUpCount = 0

  constructor(cluster: SimCluster, { isBeyondTolerance, replicas, metadataCopies }: InvariantKnobs) {
    this.#cluster = cluster
    this.atlas = new Atlas({
      ledger: this.ledger,
      isBeyondTolerance,
      wanted: replicas,
      nowMs: () => cluster.simulation.nowMs,
    })
    this.#durability = new DurabilityRules(this.ledger, this.atlas)
    this.#replicas = new ReplicaRules({ ledger: this.ledger, atlas: this.atlas, isBeyondTolerance })
    this.#verification = new VerificationRules(this.ledger, this.atlas)
    this.#deletions = new DeletionRules(this.ledger, this.atlas)
    this.promised = new PromisedCopies({
      ledger: this.ledger,
      atlas: this.atlas,
      wanted: replicas,
      minReplicas: cluster.minReplicas,
      disks: () => new Set(cluster.remainingNodes.map(({ disk }) => disk)),
    })
    this.metadata = new MetadataCopyRules({
      cluster,
      ledger: this.ledger,
      atlas: this.atlas,
      isAwaited: metadataCopies.isAwaited,
    })
    this.#bounds = new Bounds(cluster)
    for (const { disk } of cluster.chunkNodes) this.watch(disk)
  }

  get checksCount(): number {
    return this.#checksCount
  }

  /** Writes that were answered with what an earlier one under their key has done. */
  get replaysCount(): number {
    return this.#replaysCount
  }

  /** Copies of deleted volumes that servers have said they have. */
  get turnedUpCount(): number {
    return this.#turnedUpCount
  }

  /** Logs that were taken off a disk. */
  get droppedCount(): number {
    return this.#logs.reduce((sum, { removedCount }) => sum + removedCount, 0)
  }

  /** Requests that the master was asked again. */
  get repeatedRequestsCount(): number {
    return this.#commits.repeatedCount
  }

  /** Looks at everything at intervals, from now on. */
  start(): void {
    this.#cluster.simulation.schedule(LOOK_EVERY_MS, 'look at the disks', () => {
      this.#verify(() => this.#replicas.check('changed'))
      this.#verify(() => this.metadata.check())
      this.#verify(() => this.#bounds.check())
      this.start()
    })
  }

  /** Everything, once; throws at once what is broken. */
  checkAll(): void {
    this.#checksCount += 1
    this.#replicas.check('all')
    this.#verification.checkQuiet()
    const remaining = this.#cluster.remainingNodes
    const hasMajority = remaining.length * 2 > this.ledger.servers.length
    this.#deletions.checkQuiet({ remaining, hasMajority })
    this.#bounds.check()
  }

  /** Every disk that a server may have has to be known here. */
  watch(disk: SimDisk): void {
    this.#disks.push(disk)
    this.#logs.push(watchLogs(disk, this.ledger, (error) => this.#cluster.simulation.fail(error)))
  }

  // What clients see.

  sent(content: Uint8Array): void {
    this.#reads.noteSent(content)
  }

  /** What was written under this version, or undefined. */
  contentOf(info: FileInfo): Uint8Array | undefined {
    return this.#reads.contentOf(info)
  }

  acknowledged(told: Acknowledgement): void {
    if (told.isReplay) this.#replaysCount += 1
    this.#verify(() => this.#durability.checkAcknowledged(told))
    if (told.isReplay) return
    this.#verify(() => this.metadata.checkAcknowledged(told.operation))
  }

  returned(result: ReadResult): void {
    this.#verify(() => this.#reads.check(result))
  }

  // What the master decides.

  opened(epoch: Epoch): void {
    this.ledger.epochCounter = Math.max(this.ledger.epochCounter, epoch.counter)
  }

  decided(decision: Decision): void {
    const versions = decision.results.flatMap((result) => (result.ok ? [result.operation] : []))
    this.metadata.noteMade(versions, decision.epoch.sequence)
    this.#verify(() => {
      for (const { command, result } of this.#commits.check(decision)) {
        const chunks = this.ledger.chunksOf(command)
        this.ledger.apply(command, result)
        this.#checkDurable(result, chunks, command.kind === 'write')
      }
    })
  }

  allocated(orders: readonly VolumeOrder[]): void {
    this.#verify(() => this.#deletions.checkAllocated(orders))
    this.ledger.allocate(orders)
  }

  registered({ diskUid, incarnation }: Registration, server: number): void {
    // It may arrive after the node it came from was given another disk.
    const disk = this.#disks.find((known) => diskUidOf(known) === diskUid)
    assert(disk !== undefined, 'every disk is watched')
    this.ledger.noteServer(server, incarnation, disk)
  }

  reported(server: number, reports: Reports): void {
    for (const report of reports) {
      this.#verify(() => this.#verification.checkReport(server, report))
      const isIncomplete = this.ledger.noteReport(server, report)
      const disk = this.ledger.diskOf(server)
      if (isIncomplete && disk !== null) this.atlas.noteHarm(disk, report.volume)
    }
  }

  sealed(volumes: readonly number[]): void {
    for (const volume of volumes) this.ledger.seal(volume)
  }

  deleted(volumes: readonly number[]): void {
    for (const volume of volumes) {
      this.#verify(() => this.#deletions.checkDeleted(volume))
      this.ledger.delete(volume)
    }
  }

  acted(action: CopyAction, made: number | null): void {
    this.ledger.act(action, made)
    this.lastActedMs = this.#cluster.simulation.nowMs
    if (action.kind !== 'copy') {
      this.#verify(() => this.#replicas.checkReleased(action.volume))
      return
    }
    const disk = this.ledger.diskOf(action.target)
    if (disk !== null) this.atlas.noteNewCopy(disk, action.volume)
    this.onCopyOrdered(action)
  }

  toldToCopy(orders: readonly CopyOrder[]): void {
    this.ledger.copying.noteOrders(orders, this.ledger.epochCounter)
  }

  get watchesRepairs(): boolean {
    return this.ledger.copying.figures.ordered > 0
  }

  repairs(repairs: Parameters<StoreObserver['repairs']>[0]): void {
    this.#verify(() => this.promised.checkDone(repairs))
  }

  turnedUp(count: number): void {
    this.#turnedUpCount += count
  }

  toldLengths(lengths: ReadonlyMap<number, number>): void {
    this.#verify(() => {
      for (const [volume, length] of lengths) this.#replicas.checkLength(volume, length)
    })
  }

  #checkDurable(result: CommandSuccess, chunks: readonly ChunkPlacement[], isVersion: boolean): void {
    for (const chunk of chunks) this.#durability.checkChunk(chunk, isVersion ? result.copies : chunk.copies)
    if (isVersion) this.#durability.checkReceipt(result.copies, chunks)
  }

  #verify(check: () => void): void {
    this.#checksCount += 1
    try {
      check()
    } catch (error) {
      this.#cluster.simulation.fail(error)
    }
  }
}
