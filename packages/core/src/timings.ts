/**
 * How long things took, by what was asked for and by how it ended. Both are of few kinds, which the program names and no
 * caller can make up: each pair has a {@link Distribution} for as long as the process lives.
 */
import { Distribution, DURATION_BOUNDS_S } from './distribution.ts'

export class Timings {
  readonly #byWhat = new Map<string, Map<string, Distribution>>()

  note(what: string, outcome: string, seconds: number): void {
    let outcomes = this.#byWhat.get(what)
    if (outcomes === undefined) {
      outcomes = new Map()
      this.#byWhat.set(what, outcomes)
    }
    let durations = outcomes.get(outcome)
    if (durations === undefined) {
      durations = new Distribution(DURATION_BOUNDS_S)
      outcomes.set(outcome, durations)
    }
    durations.note(seconds)
  }

  /** All pairs that there were, with their durations in seconds. */
  *[Symbol.iterator](): Generator<readonly [what: string, outcome: string, durations: Distribution]> {
    for (const [what, outcomes] of this.#byWhat) {
      for (const [outcome, durations] of outcomes) yield [what, outcome, durations]
    }
  }
}
