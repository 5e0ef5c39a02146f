/**
 * Cluster time (R21): the time for which masters have run, by their monotonic clocks. It is written down with every change and
 * at least each minute, so a start loses a minute at most, and what expires by it never expires early, whatever the wall
 * clock does and however long the master was down.
 */
import { type Clock } from '@dfs/core'
import { type Moment, type TimeStore } from './store.ts'

const KEEP_EVERY_MS = 60_000

export class ClusterTime {
  readonly #clock: Clock
  readonly #store: TimeStore
  /** Cluster time less monotonic time, in this start of the master. */
  readonly #offsetMs: number

  constructor(clock: Clock, store: TimeStore) {
    this.#clock = clock
    this.#store = store
    this.#offsetMs = store.clusterMs() - clock.monotonicMs()
  }

  now(): Moment {
    const clusterMs = Math.floor(this.#offsetMs + this.#clock.monotonicMs())
    return { wallMs: this.#clock.wallMs(), clusterMs }
  }

  /** To be called now and then: writes the time down if no change has done so. */
  async keep(): Promise<void> {
    const { clusterMs } = this.now()
    if (clusterMs - this.#store.clusterMs() >= KEEP_EVERY_MS) await this.#store.keepTime(clusterMs)
  }
}
