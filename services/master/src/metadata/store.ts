/**
 * All metadata of the cluster, behind commands. Nothing of a transaction leaks out, so a store may be an embedded
 * database in this process or a distributed one elsewhere; the suite in `test/store` holds for each.
 *
 * Order: the calls of one store take effect one after the other, in the order in which they were made; the requests of a
 * batch in their order, the commands of a request in theirs. A read sees every change whose promise was resolved before it.
 *
 * Durability: when the promise of a change resolves, the change survives the loss of power.
 *
 * Errors: what can be expected is a value in the results, or a DfsError if a method names one; nothing has changed then.
 * Everything else, a failed sync above all, is an InvariantError: the outcome is unknown, every later call fails likewise,
 * and the process must end (the next start finds out what is there).
 */
import { type Kept } from '@dfs/wal'
import {
  type Command,
  type CommandResult,
  type Epoch,
  type ErrorCode,
  type FilePath,
  type ListPage,
  type ListRequest,
  type Lookup,
  type LookupResult,
} from '@dfs/protocol'
import { type HolderStore } from './holder-store.ts'
import { type RecoveryStore } from './recovery-store.ts'
import { type RemovalStore } from './removal-store.ts'
import { type RepairStore } from './repair-store.ts'
import { type DeletionStep, type ServerStore, type VolumeStore } from './cluster-store.ts'
import { type CopyStore } from './copy-store.ts'
import { type MetadataSource } from './metadata-source.ts'

/** The commands of one sender. `server` 0 is the master itself, whose incarnation is its epoch's counter. */
export interface CommitBatchRequest {
  readonly server: number
  readonly incarnation: number
  /** Results of this sender's requests below this number may be forgotten; such numbers are refused from now on. */
  readonly watermark: number
  readonly commands: readonly Command[]
}

/** When commands are decided, and what is known of the servers then. */
export interface Moment {
  /** A label. */
  readonly wallMs: number
  /** Cluster time (R21): what expires, expires by this. It never runs backwards; see {@link TimeStore.clusterMs}. */
  readonly clusterMs: number
  /** Servers that are dead: their copies count for no receipt (R23). None if it is left out. */
  readonly dead?: ReadonlySet<number>
}

export interface CommitBatchReply {
  /** For each request, one result for each of its commands. */
  readonly results: readonly (readonly CommandResult[])[]
  /** Transactions committed ever, this one included. */
  readonly sequence: number
}

export interface Totals {
  readonly files: number
  /** The root is not counted. */
  readonly directories: number
  readonly links: number
  /** Sum of the sizes of all current versions. */
  readonly fileBytes: number
  readonly volumesOpen: number
  readonly volumesSealed: number
  /** Those that are to be deleted, and of which a server still has a copy, as far as it is known. */
  readonly volumesDeleting: number
  /** The servers that have those copies. */
  readonly deletingOn: number[]
}

/** Which store this is, and how far it is. */
export interface StoreIdentity {
  /** 32 hexadecimal digits, made with the store. */
  readonly clusterId: string
  /** The epoch of this opening, with the number of transactions committed so far. */
  epoch(): Epoch
  /** The feature level that is in use: what is written down before anybody is told never falls. */
  featureLevel(): number
  /** Whether everything that somebody saw of a start of the master is here: not so if this is a restored backup (R6). */
  includes(seen: Epoch): Promise<boolean>
}

export interface CommitStore {
  /**
   * Decides commands in one transaction. Every command is checked completely before it writes: a failure changes nothing
   * and undoes nobody. Under a command id that has a result already, that result is answered.
   *
   * Results are kept until the watermark passes them, across restarts, except the refusals of {@link isRetryable}: those
   * say that nothing happened and that the same request with the same placement can never succeed, so the sender may
   * repeat the request under its id with another placement.
   *
   * The result of a command with an idempotency key is kept for IDEMPOTENCY_KEPT_MS of cluster time, unless it says that
   * the same may be tried again. A repeated command gets it, marked as a replay, whoever sends it (R15).
   */
  commitBatch(requests: readonly CommitBatchRequest[], now: Moment): Promise<CommitBatchReply>
  /**
   * What commands were answered before, and INSUFFICIENT_SPACE for those that were not: nothing is written. For a disk that
   * has no room. That an unknown request will not happen cannot be promised: TIMEOUT_ERROR for one to be settled.
   */
  answerKnown(requests: readonly CommitBatchRequest[]): Promise<readonly (readonly CommandResult[])[]>
  /**
   * One bounded step of finding out whether a rename would make a path below the directory too long, if what is known
   * does not allow it; resolves to whether more is left. To be called before the rename is committed, for one rename at a
   * time; what is found is kept. At most MEASURE_STEPS_MAX steps are worth it. Without `mayWalk` it is only asked for.
   */
  measure(renaming: Renaming, mayWalk: boolean): Promise<boolean>
}

export interface LookupStore {
  /**
   * Locations are ordered by the state of the copies: open and in-sync ones, unverified ones, damaged ones; lost ones never.
   * Copies on the servers that are `there` may be good now (domain/copies/good-copies.ts); none is if that is left out.
   */
  lookupBatch(lookups: readonly Lookup[], there?: ReadonlySet<number>): Promise<LookupResult[]>
  /** At most LIST_PAGE_ENTRIES_MAX entries. Throws DIRECTORY_NOT_FOUND, NOT_A_DIRECTORY, INVALID_PATH. */
  list(request: ListRequest): Promise<ListPage>
  /** Exact, except that what a recursively deleted directory held is subtracted over time (see `countDeleted`). */
  totals(): Promise<Totals>
}

export interface TimeStore {
  /** Cluster time as it was last written down: with each change, or by {@link keepTime}. */
  clusterMs(): number
  keepTime(clusterMs: number): Promise<void>
}

/** What is done over time. */
export interface Upkeep {
  /** One bounded step of removing idempotency keys that are past their time; resolves to whether more is left. */
  forgetKeys(): Promise<boolean>
  /** One bounded step of counting what deleted directories held; resolves to whether more is left. */
  countDeleted(): Promise<boolean>
  /**
   * Deletes some of the sealed volumes that hold nothing: nobody is sent there from then on, their copies are to be dropped, and
   * they are gone with the last of them. Those of a time before a new history of the metadata stay: its copies may hold what
   * the metadata has lost.
   */
  deleteEmptyVolumes(countMax: number, clusterMs: number): Promise<DeletionStep>
}

/** What starts have kept aside for people. */
export interface KeptAside {
  /** The oldest first; docs/operating.md says what to do with it. */
  readonly kept: readonly Kept[]
  /** To be called when every server has registered: then nobody has seen a transaction that a start has forgotten. Throws DiskError. */
  forgetTorn(): Promise<void>
}

/** What is done about copies. */
export interface Repairing {
  readonly repairing: RepairStore
}

/** Who holds copies of it. */
export interface Holding {
  readonly holding: HolderStore
}

/** What becomes of a new history that was begun on purpose. */
export interface Recovering {
  readonly recovering: RecoveryStore
}

/** What is done about servers that are gone for good. */
export interface Removing {
  readonly removing: RemovalStore
}

/** What is decided in the same way over every engine (domain/metadata). */
export type DecidedStore = StoreIdentity &
  CommitStore &
  LookupStore &
  ServerStore &
  VolumeStore &
  Repairing &
  Recovering &
  Holding &
  Removing &
  TimeStore &
  CopyStore &
  Upkeep

/** All of it, for whoever opens and closes it. Everybody else takes the part that they call. */
export interface MetadataStore extends DecidedStore, KeptAside {
  readonly source: MetadataSource
  /** Idempotent; no other call may follow. */
  close(): Promise<void>
}

/** A rename, before it is made. */
export interface Renaming {
  readonly from: FilePath
  readonly to: FilePath
}

/** The largest tree that is walked takes half of them; the rest is for walks that start over. */
export const MEASURE_STEPS_MAX = 500

/** Results of one sender that wait for its watermark; beyond it commands are refused with TOO_BUSY. */
export const UNCONFIRMED_RESULTS_MAX = 65_536

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'VOLUME_SEALED',
  'VOLUME_NOT_FOUND',
  'OFFSET_CONFLICT',
  'STALE_INCARNATION',
  'UNKNOWN_SERVER',
  'SERVER_REMOVED',
  'TOO_BUSY',
  'INSUFFICIENT_SPACE',
])

/** Whether a failure concerns the placement or the sender alone, so that it is not the outcome of the command. */
export const isRetryable = (code: ErrorCode): boolean => RETRYABLE.has(code)
