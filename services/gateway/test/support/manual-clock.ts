/** Time that passes only when a test says so. */
import { type Clock } from '@dfs/core'

interface Sleeper {
  readonly atMs: number
  readonly wake: () => void
}

/** Turns of the event loop that any chain of replies in one process needs at most. */
const SETTLE_TURNS = 6

export class ManualClock implements Clock {
  #nowMs = 0
  readonly #sleepers = new Set<Sleeper>()

  wallMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const sleeper = { atMs: this.#nowMs + ms, wake: resolve }
    this.#sleepers.add(sleeper)
    signal?.addEventListener('abort', () => {
      if (this.#sleepers.delete(sleeper)) reject(signal.reason as Error)
    })
    await promise
  }

  turn(): Promise<void> {
    return new Promise((resolve) => void setImmediate(resolve))
  }

  /** Lets `ms` pass: everything due by then happens at its own moment, in order. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await this.settle()
    for (;;) {
      const [next] = [...this.#sleepers].toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined || next.atMs > untilMs) break
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      this.#sleepers.delete(next)
      next.wake()
      await this.settle()
    }
    this.#nowMs = untilMs
  }

  /** Resolves when everything that needs no time has happened. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await this.turn()
  }
}
