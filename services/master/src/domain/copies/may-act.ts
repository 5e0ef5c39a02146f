/**
 * When the master may begin to make and to remove copies. One that has just started has heard nobody: it may be the one that is cut off,
 * and servers that it takes for dead may be on their way (R6, R21). So it waits for most of them, and for as long as
 * it takes to notice a death, and a little.
 */
import { isMajority } from '../liveness.ts'

export interface ActQuestion {
  readonly servers: readonly {
    readonly id: number
    readonly isRemoved: boolean
    /** Named as lost when a new history began, and not heard since. */
    readonly isGivenUp: boolean
    readonly hasReported: boolean
  }[]
  /** When the master started, and now; monotonic. */
  readonly startedAtMs: number
  readonly nowMs: number
  readonly deadAfterMs: number
  /** Beyond {@link deadAfterMs}. */
  readonly graceMs: number
}

export interface ActAnswer {
  readonly mayAct: boolean
  /** Servers that have not reported, as long as too few have. */
  readonly waitsFor: readonly number[]
  /** How much longer it waits for the time alone. */
  readonly waitMs: number
}

export function mayAct({ servers, startedAtMs, nowMs, deadAfterMs, graceMs }: ActQuestion): ActAnswer {
  const counted = servers.filter(({ isRemoved, isGivenUp }) => !isRemoved && !isGivenUp)
  const silent = counted.filter(({ hasReported }) => !hasReported).map(({ id }) => id)
  const hasMajority = isMajority(counted.length - silent.length, counted.length)
  const waitMs = Math.max(0, startedAtMs + deadAfterMs + graceMs - nowMs)
  return { mayAct: hasMajority && waitMs === 0, waitsFor: hasMajority ? [] : silent, waitMs }
}
