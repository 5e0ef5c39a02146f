/**
 * What the planner of copies sees and what it answers: plain data, made by whoever asks it from the books of the master. Nothing here
 * is read while the plan is made, so a plan is the same for the same view.
 */
import { type Liveness } from '@dfs/protocol'

/**
 * - `unverified`: it is there; its server has yet to read it, or mends it
 * - `inSync`: verified up to the seal
 * - `damaged`: it has lost bytes, for good; what is left of it may still help others
 * - `lost`: its server has started without it
 * - `copying`: ordered; it counts only as on its way, and nobody reads it
 * - `surplus`: whole and still read, but decided to go: it counts for nothing, and can be taken back
 * - `dropping`: released; final
 */
export type CopyState = 'unverified' | 'inSync' | 'damaged' | 'lost' | 'copying' | 'surplus' | 'dropping'

export interface ReplicaView {
  readonly id: number
  readonly server: number
  readonly state: CopyState
  /** When it came into this state, in the cluster's time. */
  readonly sinceMs: number
  /** Of one that is being made: when it last got further, as far as it is known. */
  readonly furtherMs?: number
}

/** A sealed volume; one that is being deleted is none of the planner's. */
export interface VolumeView {
  readonly id: number
  readonly sealedBytes: number
  readonly liveBytes: number
  /** How many copies it should have. */
  readonly wanted: number
  /** There were more copies once, which were removed: what is missing now was lost. */
  readonly hadMore: boolean
  readonly replicas: readonly ReplicaView[]
}

export interface ServerView {
  readonly id: number
  readonly mode: 'active' | 'draining' | 'removed'
  readonly liveness: Liveness
  /** Since when it is alive, suspect or dead, in the cluster's time. */
  readonly sinceMs: number
  readonly zone: string
  /** It says itself that it takes nothing. */
  readonly isFull: boolean
  /** What a new copy may take: all that is promised, to open volumes and to copies on their way, is off already. */
  readonly roomBytes: number
  readonly totalBytes: number
  /** Sealed bytes of all its copies but those that are lost, surplus or dropping; those on their way count in full. */
  readonly usedBytes: number
  /** Copies that are being made on it. */
  readonly incoming: number
  /** Copies that are being made from it as their first source, on servers that are not dead: those on dead ones take no stream. */
  readonly outgoing: number
  /** Peers that it cannot reach. */
  readonly unreachable: readonly number[]
  readonly deathsLastHour: number
  /** When it last verified a copy, in the cluster's time; 0 if it never did. */
  readonly checkedAtMs: number
  /** Copies released on it in the last {@link CopyLimits.releasesMax} window. */
  readonly releasedLately: number
}

/** Two servers between which the last copies have failed. */
export interface BadPair {
  readonly source: number
  readonly target: number
  /** How often in a row. */
  readonly tries: number
  /** Until when it is left alone, in the cluster's time. */
  readonly untilMs: number
}

export interface CopyView {
  /** Those that may need something; of the others the servers' numbers are enough. */
  readonly volumes: readonly VolumeView[]
  /** All that are known, with those that were removed as long as a copy names them. */
  readonly servers: readonly ServerView[]
  readonly badPairs: readonly BadPair[]
  /** The cluster's time. */
  readonly nowMs: number
  /** What `mayAct` has answered. */
  readonly mayAct: boolean
}

export interface CopyLimits {
  /** A damaged or lost copy is given up only while so many good ones are left, or all that are wanted if those are fewer. */
  readonly minReplicas: number
  /** Copies at a time that are made on one server, and from one server. */
  readonly incomingMax: number
  readonly outgoingMax: number
  /** Actions of one plan, so that their transaction is short. */
  readonly actionsMax: number
  /** Releases on a server in ten minutes unless it drains: a mistake is seen before it has eaten everything. */
  readonly releasesMax: number
  /** What a server is given to come back in after its first death within an hour; twice as much after each further one. */
  readonly returnFirstMs: number
  readonly returnMostMs: number
  /** An unverified copy counts as on its way while its server has verified something within so long. */
  readonly checkPauseMaxMs: number
  /** … and for so long at most. */
  readonly checkMaxMs: number
  /** A copy that is being made, by a server that is there, may stand still for so long: a disk may hang. */
  readonly stallMaxMs: number
  /** After so many failures in a row a pair is no way for a copy, and one that has no other is given up. */
  readonly triesMax: number
  /** Difference of use (used of total) between two servers from which a volume is moved; 0.1 is ten points. */
  readonly balanceFrom: number
}

export const COPY_LIMITS: Omit<CopyLimits, 'minReplicas'> = Object.freeze({
  incomingMax: 2,
  outgoingMax: 2,
  actionsMax: 256,
  releasesMax: 64,
  returnFirstMs: 5_000,
  returnMostMs: 600_000,
  checkPauseMaxMs: 300_000,
  checkMaxMs: 3_600_000,
  // What was copied is read back in one go: a gigabyte beside busy clients takes minutes.
  stallMaxMs: 900_000,
  triesMax: 3,
  balanceFrom: 0.1,
})

export type CopyCause = 'lost' | 'damaged' | 'drain' | 'balance' | 'zone' | 'policy'

export interface CopySource {
  readonly server: number
  readonly replica: number
}

/**
 * Each is one transaction, which does nothing if its volume is no longer sealed, or the copy no longer what the plan has seen:
 * - `copy`: makes a `copying` row; there may be none of this volume on the target (I2)
 * - `cancel`: `copying` to `dropping`
 * - `surplus`: `inSync` or `unverified` to `surplus`
 * - `revoke`: `surplus` back to `inSync` if it is verified up to the seal in the present start of its server, else to `unverified`
 * - `release`: to `dropping`, if `mayRelease` says so of what is there then
 */
export type CopyAction =
  | {
      readonly kind: 'copy'
      readonly volume: number
      /** The best first; the first is charged with the stream. */
      readonly sources: readonly CopySource[]
      readonly target: number
      readonly cause: CopyCause
      /** Less is more urgent: the whole copies that can be read, or more than any of that for a move. */
      readonly priority: number
      /** The copy that becomes surplus in the same transaction, because this one takes its place; null if none does. */
      readonly replaces: number | null
    }
  | { readonly kind: 'cancel'; readonly volume: number; readonly replica: number; readonly why: CancelReason }
  | { readonly kind: 'surplus' | 'revoke' | 'release'; readonly volume: number; readonly replica: number }

export type CancelReason = 'enough-copies' | 'target-draining' | 'target-full' | 'no-way'

/** Why a volume is not as it should be and nothing is done about it; the servers are those that it is about. */
export type WaitCode =
  /** Not enough servers have reported since the start of the master: nobody is written off. */
  | 'waiting-for-majority'
  /** A server is silent, or died a moment ago, and may come back. */
  | 'waiting-for-server'
  /** Its copies there are being read, or mended. */
  | 'waiting-for-verification'
  /** The only places for a copy are where one is being removed. */
  | 'waiting-for-drop'
  /** No server that is alive has anything to copy from. */
  | 'no-good-copy'
  /** Every server that may take one has one. */
  | 'no-server'
  | 'no-room'
  /** Copies failed there, or the server dies again and again. */
  | 'back-off'
  /** The servers that may take one cannot reach one that has it. */
  | 'unreachable'
  /** Others go first. */
  | 'streams-busy'
  | 'release-limit'
  | 'next-turn'

export interface Waiting {
  readonly volume: number
  readonly code: WaitCode
  readonly servers: readonly number[]
}

export interface CopyPlan {
  /** In the order in which they are to be done. */
  readonly actions: readonly CopyAction[]
  /** At most one for each volume. */
  readonly waiting: readonly Waiting[]
}
