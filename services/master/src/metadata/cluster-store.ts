/**
 * What the store knows of servers and volumes: who they are, what they said, who has what. What holds for every call stands in
 * store.ts.
 */
import {
  type DropOrder,
  type ReplicaReport,
  type SealOrder,
  type VolumeKind,
  type VolumeOrder,
} from '@dfs/protocol'

/** Reports, or copies that are lost or dropped, in one transaction: some ten milliseconds. */
export const REPORTS_PER_TRANSACTION_MAX = 500

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
}

export interface RegisteredServer extends Registration {
  readonly id: number
  /** One that was removed is gone for good, and only copies name it. */
  readonly mode: 'active' | 'draining' | 'removed'
  /** Whether a new history of the metadata has begun without it, and it has not said since what it has. */
  readonly isGivenUp: boolean
}

/** What a server says of a copy, with how it went if it is making it on order. */
export interface CopyReport extends ReplicaReport {
  readonly job?: {
    readonly tries: number
    readonly lastError: string | null
    /** All is there that anybody has, and some records are not: from now on it is a damaged copy like others. */
    readonly isIncomplete?: boolean
  }
}

/** What became of reports. */
export interface ReportOutcome {
  /** Reports about copies that the store does not know: kept by the server, and logged (never deleted). */
  readonly unknown: readonly ReplicaReport[]
  /** Reports about copies that were dropped, or of volumes that were deleted: they turned up, and are to be dropped. */
  readonly strays: readonly ReplicaReport[]
  /** Volumes that were sealed because of them. */
  readonly sealedVolumes: readonly number[]
}

export interface RegistrationOutcome {
  readonly server: number
  readonly isNewServer: boolean
  readonly isNewIncarnation: boolean
  /** Volumes that were sealed because of it. */
  readonly sealedVolumes: readonly number[]
}

/** One copy of a volume. */
export interface CopyId {
  readonly volume: number
  readonly replica: number
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
  /** Of each of them, if it is not the cluster's. */
  readonly sizeBytes?: number | null
}

export interface OpenVolumeInfo {
  readonly volume: number
  readonly kind: VolumeKind
  readonly primary: Placement
  readonly committedEndBytes: number
  readonly servers: readonly number[]
}

/** What open volumes ask of one server. */
export interface ServerLoad {
  readonly openVolumes: number
  /** Bytes that they may still take there, with copies that are on their way. */
  readonly promisedBytes: number
}

/** What a step of deleting volumes that hold nothing has come to. */
export interface DeletionStep {
  readonly deleted: readonly number[]
  /** Of which the counts say that they hold nothing, and the rows that they do: they stay. */
  readonly notEmpty: readonly number[]
  /** Whether the next step may find more. */
  readonly isMoreLeft: boolean
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

/** The chunk servers and what they say. */
export interface ServerStore {
  /**
   * Records a server that starts, or restarts; what it has follows as reports, and then {@link finishRegistration}. A new
   * incarnation seals every open volume with a copy on the server, and no copy there counts as in-sync before it is reported
   * again. Throws STALE_INCARNATION, SERVER_REMOVED, and OUTDATED_PROGRAM if it reads less than the level in use; that rises to what all
   * servers read.
   */
  registerServer(registration: Registration, nowWallMs: number): Promise<RegistrationOutcome>
  /** Every server that has registered, by id; of those that were removed the ones that a copy names. */
  servers(): Promise<readonly RegisteredServer[]>
  /** What each is called, or was when it was removed. */
  serverNames(): Promise<ReadonlyMap<number, string>>
  /**
   * What a server says of some of its copies: REPORTS_PER_TRANSACTION_MAX at most. A failed copy seals its volume. Throws
   * UNKNOWN_SERVER, STALE_INCARNATION.
   */
  noteReports(from: Placement, reports: readonly CopyReport[], nowWallMs: number): Promise<ReportOutcome>
  /**
   * The incarnation has said of all its copies what it has: what it has not named since it registered is lost, or dropped where
   * it was to be; what it is to make it has yet to make. One bounded step; resolves to whether more is left, and only the last one makes it so. Throws
   * UNKNOWN_SERVER, STALE_INCARNATION.
   */
  finishRegistration(from: Placement): Promise<boolean>
  /** Copies that the server has dropped, as it was told to; others are left as they are. Throws UNKNOWN_SERVER, STALE_INCARNATION. */
  noteDropped(from: Placement, copies: readonly CopyId[]): Promise<void>
  /**
   * What follows for this server from the states of its copies: to seal those that were not yet reported as sealed, and, where
   * `knowsDrop`, to drop those that are of no use any more. Where there are more than `countMax`, each call has others.
   */
  orders(server: number, countMax: number, knowsDrop: boolean): Promise<readonly (SealOrder | DropOrder)[]>
}

export interface VolumeStore {
  /**
   * What the primary's last request was granted; null if this is a new one. Throws INVALID_REQUEST for an older one, and
   * UNKNOWN_SERVER or STALE_INCARNATION if the primary is not registered like that.
   */
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
  /** For each server what open volumes ask of it, those of no volume's own size being of this one, and copies on their way. Servers without any are left out. */
  openVolumeLoads(volumeSizeBytes: number): Promise<ReadonlyMap<number, ServerLoad>>
  /** The copy of a volume on a server, or null if there is none. */
  copyOn(volume: number, server: number): Promise<CopyOfVolume | null>
  /** How many copies of volumes are in each state, by its name; those that no copy is in as well. */
  copyStates(): Promise<ReadonlyMap<string, number>>
  /** Who has the volume now, lost copies last. Throws VOLUME_NOT_FOUND. */
  copiesOf(volume: number): Promise<CopiesOfVolume>
}
