/**
 * How often values fell into which range, for whoever watches: durations, sizes of batches. Adding a value costs some ten
 * nanoseconds and no memory, so it may stand on the busiest path; nothing is computed before somebody asks. Counts of several
 * nodes can be added up, which percentiles cannot: hence the ranges. Refused: the histograms of a metrics library here, which
 * look a set of labels up for each value, and which pure code may not know.
 */
import { assert } from './assert.ts'

export class Distribution {
  /** Upper ends of the ranges, rising; what is above the last one falls into one more range. */
  readonly bounds: readonly number[]
  /** For each range how many values fell into it; one more than there are bounds. */
  readonly counts: Float64Array
  /** Of all values. */
  sum = 0

  constructor(bounds: readonly number[]) {
    const isRising = bounds.every((bound, index) => index === 0 || bound > bounds[index - 1]!)
    assert(bounds.length > 0 && isRising, 'the bounds of a distribution rise')
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  /** Adds a value, in the unit of the bounds. */
  note(value: number): void {
    const { bounds } = this
    let index = 0
    while (index < bounds.length && value > bounds[index]!) index += 1
    this.counts[index] = this.counts[index]! + 1
    this.sum += value
  }

  /** How many values there were. */
  get count(): number {
    return this.counts.reduce((total, count) => total + count, 0)
  }
}

/** Of requests and of disks, in seconds: from what memory answers to the longest deadline. */
export const DURATION_BOUNDS_S: readonly number[] = Object.freeze([
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20,
])
/** How many things share one batch: powers of two up to the largest batch there is. */
export const BATCH_BOUNDS: readonly number[] = Object.freeze([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
