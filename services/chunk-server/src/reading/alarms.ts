/**
 * Many deadlines on one timer. A read that comes back at once (nearly all do) costs an entry in a set and no timer: the one
 * there is looks at every read under way each few milliseconds, and rests while none is. So alarms ring up to
 * {@link TICK_MS} late.
 */
import { type Clock } from '@dfs/core'

export const TICK_MS = 5

export interface Alarm {
  /** Nothing rings any more. Idempotent. */
  cancel(): void
}

interface Waiting {
  readonly dueMs: number
  readonly ring: () => void
}

export class Alarms {
  readonly #clock: Clock
  readonly #waiting = new Set<Waiting>()
  #isTicking = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `ring` once, when `delayMs` have passed. It must not throw. */
  after(delayMs: number, ring: () => void): Alarm {
    const entry = { dueMs: this.#clock.monotonicMs() + delayMs, ring }
    this.#waiting.add(entry)
    if (!this.#isTicking) void this.#tick()
    return { cancel: () => this.#waiting.delete(entry) }
  }

  async #tick(): Promise<void> {
    this.#isTicking = true
    while (this.#waiting.size > 0) {
      await this.#clock.sleep(TICK_MS)
      const nowMs = this.#clock.monotonicMs()
      // What is set by one that rings is looked at next time: however short its delay is, others have their turn between.
      const due = [...this.#waiting].filter(({ dueMs }) => dueMs <= nowMs)
      for (const entry of due) if (this.#waiting.delete(entry)) entry.ring()
    }
    this.#isTicking = false
  }
}
