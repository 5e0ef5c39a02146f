/** What is told of one lost server, from what was seen. Pure. */
import { type RepairView } from '@dfs/protocol'
import { type Failures, type PhaseLatencies } from './traffic-job.ts'
import { type WritesSeen } from './write-probe.ts'

/** Times are seconds since the server was killed; null for what did not come in time. */
export interface LossFigures {
  readonly workload: string
  /** `first`, `second`. */
  readonly loss: string
  readonly lastWriteToItS: number
  /** From when on writes had all their copies. */
  readonly allCopiesS: number | null
  readonly refusedWrites: number
  readonly deadS: number | null
  readonly firstCopyS: number | null
  readonly restoredS: number | null
  /** Up to when it should be restored. */
  readonly restoredAimS: number
  /** From the first copy's begin to the last one's end. */
  readonly copyingS: number | null
  readonly copies: number
  readonly copiedMib: number
  /** CPU time of all chunk servers until all was restored, for each MiB that was copied; null with clients. */
  readonly cpuMsPerMib: number | null
  readonly failures: Failures
  /** Of clients while this went on; null without. */
  readonly phases: readonly PhaseLatencies[] | null
}

export interface CopiesSeen {
  readonly firstMs: number | null
  readonly copyingMs: number | null
  readonly count: number
  readonly bytes: number
}

/** Of the repairs that were begun since; `lostAtMs` by the clock of the master. */
export function copiesSeen(repairs: readonly RepairView[], lostAtMs: number): CopiesSeen {
  const done = repairs.filter(({ state, endedMs }) => state === 'done' && endedMs !== null)
  if (done.length === 0) return { firstMs: null, copyingMs: null, count: 0, bytes: 0 }
  const ends = done.map(({ endedMs }) => endedMs!)
  return {
    firstMs: Math.min(...ends) - lostAtMs,
    copyingMs: Math.max(...ends) - Math.min(...done.map(({ begunMs }) => begunMs)),
    count: done.length,
    bytes: done.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

export interface SeenLoss {
  readonly workload: string
  readonly loss: string
  readonly restoredAimS: number
  readonly writes: WritesSeen
  readonly deadMs: number | null
  readonly restoredMs: number | null
  readonly copies: CopiesSeen
  /** While copies were made; null if clients had some of it. */
  readonly cpuMs: number | null
  readonly failures: Failures
  readonly phases: readonly PhaseLatencies[] | null
}

export function lossFigures(seen: SeenLoss): LossFigures {
  const { workload, loss, restoredAimS, writes, copies, cpuMs, failures, phases } = seen
  const copiedMib = copies.bytes / 2 ** 20
  return {
    workload,
    loss,
    restoredAimS,
    lastWriteToItS: writes.lastToLostMs / 1000,
    allCopiesS: seconds(writes.allCopiesMs),
    refusedWrites: writes.refused,
    deadS: seconds(seen.deadMs),
    firstCopyS: seconds(copies.firstMs),
    restoredS: seconds(seen.restoredMs),
    copyingS: seconds(copies.copyingMs),
    copies: copies.count,
    copiedMib,
    cpuMsPerMib: cpuMs === null || copiedMib === 0 ? null : cpuMs / copiedMib,
    failures,
    phases,
  }
}

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000)
