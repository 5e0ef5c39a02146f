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
  type ReplicaReport,
  type SealOrder,
  type VolumeKind,
  type VolumeOrder,
} from '@dfs/protocol'

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

/** A chunk server as it introduces itself. */
export interface Registration {
  readonly diskUid: string
  readonly name: string
  readonly incarnation: number
  readonly internalAddress: string
  readonly publicPort: number
  readonly advertisedUrl: string | null
  readonly zone: string
  /** What its program reads. */
  readonly featureLevel: number
  /** Every copy that it has. */
  readonly reports: readonly ReplicaReport[]
}

export interface RegisteredServer extends Omit<Registration, 'reports'> {
  readonly id: number
}

/** What became of reports. */
export interface ReportOutcome {
  /** Reports about copies that the store does not know: kept by the server, and logged (never deleted). */
  readonly unknown: readonly ReplicaReport[]
  /** Volumes that were sealed because of them. */
  readonly sealedVolumes: readonly number[]
}

export interface RegistrationOutcome extends ReportOutcome {
  readonly server: number
  readonly isNewServer: boolean
  readonly isNewIncarnation: boolean
}

export interface Placement {
  readonly server: number
  readonly incarnation: number
}

/** Names one grant of volumes: the primary that asks, the kind, and the number of its request. */
export interface GrantKey {
  readonly primary: Placement
  readonly kind: VolumeKind
  readonly number: number
}

export interface VolumeAllocation extends GrantKey {
  /** One fixed set for each volume wanted. The primary is the first of each, the same in all. */
  readonly sets: readonly (readonly Placement[])[]
}

export interface OpenVolumeInfo {
  readonly volume: number
  readonly kind: VolumeKind
  readonly primary: Placement
  readonly committedEndBytes: number
  readonly servers: readonly number[]
}

export interface CopyOfVolume {
  readonly replica: number
  /** Whether the volume is sealed; the copy may not know it yet. */
  readonly isSealed: boolean
}

/** A volume's copies, those that are worth most to a reader first. */
export interface CopiesOfVolume {
  /** Null while it is open. */
  readonly sealedLengthBytes: number | null
  readonly copies: readonly {
    readonly server: number
    readonly replica: number
    readonly state: 'open' | 'unverified' | 'inSync' | 'damaged' | 'lost'
  }[]
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

/** The chunk servers and what they say. */
export interface ServerStore {
  /**
   * Records a server that starts, or restarts. A new incarnation seals every open volume with a copy on the server and
   * makes its other copies unverified, those it does not report any more lost. Throws STALE_INCARNATION, and
   * OUTDATED_PROGRAM if it reads less than the level in use; that rises to what all servers read.
   */
  registerServer(registration: Registration, nowWallMs: number): Promise<RegistrationOutcome>
  /** Every server that ever registered, by id. */
  servers(): Promise<readonly RegisteredServer[]>
  /** Throws UNKNOWN_SERVER, STALE_INCARNATION. A failed copy seals its volume. */
  noteReports(from: Placement, reports: readonly ReplicaReport[], nowWallMs: number): Promise<ReportOutcome>
  /** Seal orders for copies on this server that were not yet reported as sealed; at most ORDERS_MAX. */
  pendingOrders(server: number): Promise<readonly SealOrder[]>
}

export interface VolumeStore {
  /** What the primary's last request was granted; null if this is a new one. Throws INVALID_REQUEST for an older one. */
  findAllocation(request: GrantKey): Promise<readonly VolumeOrder[] | null>
  /**
   * Makes volumes, or finds those that the same request was granted before, sealed meanwhile or not. Throws UNKNOWN_SERVER
   * or STALE_INCARNATION if the primary is not registered like that, COPY_ERROR if another server of a set is not.
   */
  allocateVolumes(allocation: VolumeAllocation, nowWallMs: number): Promise<readonly VolumeOrder[]>
  /** Seals volumes at their committed ends (R1); idempotent. The sealed lengths, in order. Throws VOLUME_NOT_FOUND. */
  sealVolumes(volumes: readonly number[], reason: string, nowWallMs: number): Promise<readonly number[]>
  /** Open volumes with a copy on `server`, by id. */
  openVolumesOf(server: number): Promise<readonly OpenVolumeInfo[]>
  /** For each server the number of open volumes with a copy on it; servers without one are left out. */
  openVolumeCounts(): Promise<ReadonlyMap<number, number>>
  /** The copy of a volume on a server, or null if there is none. */
  copyOn(volume: number, server: number): Promise<CopyOfVolume | null>
  /** Who has the volume now, lost copies last. Throws VOLUME_NOT_FOUND. */
  copiesOf(volume: number): Promise<CopiesOfVolume>
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
}

/** What starts have kept aside for people. */
export interface KeptAside {
  /** The oldest first; docs/operating.md says what to do with it. */
  readonly kept: readonly Kept[]
  /** To be called when every server has registered: then nobody has seen a transaction that a start has forgotten. Throws DiskError. */
  forgetTorn(): Promise<void>
}

/** What is decided in the same way over every engine (domain/metadata). */
export type DecidedStore = StoreIdentity &
  CommitStore &
  LookupStore &
  ServerStore &
  VolumeStore &
  TimeStore &
  Upkeep

/** All of it, for whoever opens and closes it. Everybody else takes the part that they call. */
export interface MetadataStore extends DecidedStore, KeptAside {
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

/** Orders that one reply carries at most; the rest follows when these are done. */
export const ORDERS_MAX = 1000
/** Results of one sender that wait for its watermark; beyond it commands are refused with TOO_BUSY. */
export const UNCONFIRMED_RESULTS_MAX = 65_536

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'VOLUME_SEALED',
  'VOLUME_NOT_FOUND',
  'OFFSET_CONFLICT',
  'STALE_INCARNATION',
  'UNKNOWN_SERVER',
  'TOO_BUSY',
  'INSUFFICIENT_SPACE',
])

/** Whether a failure concerns the placement or the sender alone, so that it is not the outcome of the command. */
export const isRetryable = (code: ErrorCode): boolean => RETRYABLE.has(code)
