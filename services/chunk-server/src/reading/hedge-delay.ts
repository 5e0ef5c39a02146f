/**
 * How long a copy may take before another one is asked as well: about as long as nearly all of its last reads took. Then
 * few reads are made twice while all is well, and a copy that hangs costs hardly more than a slow one.
 *
 * Refused: a fixed delay (too long for a quick network, too short for a slow disk), and the average (one hang would raise it).
 */
import { assert } from '@dfs/core'

const DELAY_MS_MIN = 10
const DELAY_MS_MAX = 300
/** Before enough is known about a copy. */
const DELAY_FIRST_MS = 100
const SAMPLES_MIN = 8
const SAMPLES_MAX = 64
const QUANTILE = 0.95
/** The quantile is computed again after so many reads: sorting costs more than a read from memory. */
const SAMPLES_PER_UPDATE = 16

/** Milliseconds to wait for a source whose last reads took `latenciesMs`. */
export function hedgeDelayMs(latenciesMs: ArrayLike<number>): number {
  if (latenciesMs.length < SAMPLES_MIN) return DELAY_FIRST_MS
  const sorted = Float64Array.from(latenciesMs).toSorted()
  const quantile = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * QUANTILE))]!
  return Math.min(DELAY_MS_MAX, Math.max(DELAY_MS_MIN, quantile))
}

/** The last latencies of one source, and the delay that follows from them. */
export class RecentLatencies {
  readonly #samples = new Float64Array(SAMPLES_MAX)
  #count = 0
  #delayMs = DELAY_FIRST_MS

  get delayMs(): number {
    return this.#delayMs
  }

  note(latencyMs: number): void {
    assert(latencyMs >= 0, 'time does not go back')
    this.#samples[this.#count % SAMPLES_MAX] = latencyMs
    this.#count += 1
    if (this.#count % SAMPLES_PER_UPDATE === 0 || this.#count === SAMPLES_MIN) {
      this.#delayMs = hedgeDelayMs(this.#samples.subarray(0, Math.min(this.#count, SAMPLES_MAX)))
    }
  }
}
