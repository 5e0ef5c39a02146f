/**
 * How the clocks of one node are wrong: its wall clock by an offset, both of them by running too fast or too slow. A node
 * with a fast clock gives up early and beats often, one with a slow clock is late with everything.
 */
import { assert } from '@dfs/core'

/** Times are kept in whole microseconds; no sleep is shorter, so that a clock that is waited for gets there. */
const TICKS_PER_MS = 1000

export class ClockSkew {
  /** By how much the wall clock is wrong; may be changed at any time. */
  wallOffsetMs = 0
  #rate = 1
  /** Where the node's clock stood when the present rate began, and when that was. */
  #baseMs = 0
  #sinceMs = 0

  /** Milliseconds of the node's clock for each true one, from now on. */
  setRate(rate: number, nowMs: number): void {
    assert(rate > 0, 'clocks go forward')
    this.#baseMs = this.localMs(nowMs)
    this.#sinceMs = nowMs
    this.#rate = rate
  }

  /** What the node's monotonic clock shows at this true time. */
  localMs(nowMs: number): number {
    const localMs = this.#baseMs + (nowMs - this.#sinceMs) * this.#rate
    return Math.round(localMs * TICKS_PER_MS) / TICKS_PER_MS
  }

  /** How long the node's `ms` really take. */
  trueMs(ms: number): number {
    return ms > 0 ? Math.max(1 / TICKS_PER_MS, ms / this.#rate) : 0
  }
}
