/** A clock on which time passes when the test says so; whatever is due meanwhile happens at its own moment. */
import { setImmediate } from 'node:timers/promises'
import { type Clock } from '@dfs/core'

interface Sleeper {
  readonly atMs: number
  readonly wake: () => void
}

export class VirtualClock implements Clock {
  #nowMs = 1000
  #sleepers: Sleeper[] = []

  get sleeping(): number {
    return this.#sleepers.length
  }

  wallMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { atMs: this.#nowMs + ms, wake: resolve }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper)
        reject(signal.reason as Error)
      })
    })
  }

  async turn(): Promise<void> {}

  /** Lets `ms` pass, and everything that comes of it. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await setImmediate()
    for (;;) {
      const [next] = this.#sleepers.toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined || next.atMs > untilMs) break
      this.#sleepers = this.#sleepers.filter((each) => each !== next)
      this.#nowMs = next.atMs
      next.wake()
      await setImmediate()
    }
    this.#nowMs = untilMs
  }
}
