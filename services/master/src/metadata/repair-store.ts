/**
 * What the store knows of copies that are missing, being made or not needed, and how it carries out what a plan of them says
 * (domain/copies/plan-copies.ts). What holds for every call stands in store.ts.
 */
import { type CopyOrder } from '@dfs/protocol'
import { type CopyAction, type CopyCause, type CopyState } from '../domain/copies/view.ts'

/** A copy as the books have it. */
export interface KnownCopy {
  readonly id: number
  readonly server: number
  readonly state: CopyState
  readonly verifiedTo: number
}

/** A sealed volume that is there to stay. */
export interface KnownVolume {
  readonly id: number
  readonly sealedBytes: number
  readonly liveBytes: number
  /** Copies of it were removed. */
  readonly hadMore: boolean
  readonly copies: readonly KnownCopy[]
}

/** What copies that are being made ask of a server, and what all of its copies take. */
export interface CopyLoad {
  readonly incoming: number
  readonly incomingBytes: number
  readonly outgoing: number
  readonly usedBytes: number
}

/** On what an action rests, looked at again when it is carried out. */
export interface ActionGround {
  /** Servers that are alive and stay. */
  readonly up: ReadonlySet<number>
  /** Copies that each volume should have. */
  readonly wanted: number
  readonly minReplicas: number
  /** A label. */
  readonly wallMs: number
}

/** What was asked of a running copy, or became of it. */
export interface Repair {
  readonly id: number
  readonly volume: number
  readonly replica: number
  readonly cause: CopyCause
  /** The server whose copy was to be asked first. */
  readonly source: number
  readonly target: number
  readonly bytes: number
  readonly state: 'running' | 'done' | 'cancelled' | 'failed'
  readonly tries: number
  readonly lastError: string | null
  readonly begunWallMs: number
  readonly endedWallMs: number | null
}

/** Repairs that are kept, the newest. */
export const REPAIRS_KEPT_MAX = 100_000
/** Of one page. */
export const REPAIRS_PAGE_MAX = 1000

export interface RepairStore {
  /** Volumes of whose copies something was heard or changed since they were last taken; after a start all that there are. */
  takeTouched(countMax: number): Promise<readonly number[]>
  /** From now on each volume with a copy on this server is among them. */
  touchOn(server: number): Promise<void>
  /** Those of these volumes that are sealed and there to stay. */
  knownVolumes(ids: readonly number[]): Promise<readonly KnownVolume[]>
  /**
   * By server; those without any copy are left out. Copies of `idle` take nobody's time: they are not counted as under way. A copy
   * that is being made on a server that is not `there` takes nobody's either.
   */
  copyLoads(there: ReadonlySet<number>, idle: ReadonlySet<number>): Promise<ReadonlyMap<number, CopyLoad>>
  /**
   * Copies that a server is to make, from those of servers that are `there`; while there are none of them, there is no order. Where
   * there are more than `countMax`, each call has others.
   */
  copyOrders(server: number, countMax: number, there: ReadonlySet<number>): Promise<readonly CopyOrder[]>
  /**
   * Carries an action out if what it rests on holds still: the volume is sealed, the copy as the plan saw it, and I1 of a copy
   * that is released. Resolves to whether it did.
   */
  carryOut(action: CopyAction, ground: ActionGround): Promise<boolean>
  /** What is being made now. */
  running(): Promise<readonly Repair[]>
  /** Those below this id, the newest first; REPAIRS_PAGE_MAX at most. */
  page(before: number, countMax: number): Promise<readonly Repair[]>
}
