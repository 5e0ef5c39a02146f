/** A clock that stands still until a test moves it. */
import { type Clock } from '@dfs/core'

interface Sleeper {
  readonly atMs: number
  readonly wake: () => void
}

export class ManualClock implements Clock {
  #nowMs = 1_700_000_000_000
  #sleepers: Sleeper[] = []

  wallMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#sleepers.push({ atMs: this.#nowMs + ms, wake: resolve })
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    return promise
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** Moves on by `ms` in steps of a second, so that whoever sleeps again is woken again. */
  async advance(ms: number): Promise<void> {
    for (const endMs = this.#nowMs + ms; this.#nowMs < endMs;) {
      this.#nowMs += Math.min(1000, endMs - this.#nowMs)
      const due = this.#sleepers.filter(({ atMs }) => atMs <= this.#nowMs)
      this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > this.#nowMs)
      for (const { wake } of due) wake()
      await this.turn()
    }
  }
}
