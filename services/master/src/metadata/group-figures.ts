/** How much shares a transaction of the store, and how long that takes: noted as it happens, shown by metrics.ts. */
import { BATCH_BOUNDS, type Clock, Distribution, Timings } from '@dfs/core'

export class GroupFigures {
  readonly sizes = { commit: new Distribution(BATCH_BOUNDS), lookup: new Distribution(BATCH_BOUNDS) }
  readonly durations = new Timings()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Notes a transaction for so many commands or look-ups, while it does its work. */
  async note<T>(kind: 'commit' | 'lookup', size: number, work: () => Promise<T>): Promise<T> {
    const fromMs = this.#clock.monotonicMs()
    let outcome = 'failed'
    try {
      const result = await work()
      outcome = 'ok'
      return result
    } finally {
      this.sizes[kind].note(size)
      this.durations.note(kind, outcome, (this.#clock.monotonicMs() - fromMs) / 1000)
    }
  }
}
