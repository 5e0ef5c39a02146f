/**
 * Time that passes only when a test says so: `advance` for tests of what happens in which order, `jump` for those that only
 * need the time to be over. Time for whole nodes and networks is the simulator's (`@dfs/sim-runtime`).
 */
import { type Clock } from '../../src/index.ts'

export interface ManualClockOptions {
  /** Sleeps up to this pass at once and move the time: pauses between attempts, for which no test should have to wait. */
  readonly pauseMsMax?: number
}

interface Sleeper {
  readonly atMs: number
  readonly wake: () => void
}

const WALL_START_MS = 1_700_000_000_000
/** Turns of the event loop that any chain of replies in one process needs at most. */
const SETTLE_TURNS = 6

export class ManualClock implements Clock {
  readonly #pauseMsMax: number
  readonly #sleepers = new Set<Sleeper>()
  #nowMs = 0

  constructor({ pauseMsMax = 0 }: ManualClockOptions = {}) {
    this.#pauseMsMax = pauseMsMax
  }

  /** Sleeps that have neither ended nor been aborted. */
  get sleepersCount(): number {
    return this.#sleepers.size
  }

  wallMs(): number {
    return WALL_START_MS + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (ms <= this.#pauseMsMax) {
      this.jump(Math.max(0, ms))
      return await this.turn()
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const sleeper: Sleeper = { atMs: this.#nowMs + ms, wake: resolve }
    const onAbort = (): void => {
      if (this.#sleepers.delete(sleeper)) reject(signal?.reason as Error)
    }
    this.#sleepers.add(sleeper)
    signal?.addEventListener('abort', onAbort)
    await promise.finally(() => signal?.removeEventListener('abort', onAbort))
  }

  turn(): Promise<void> {
    return new Promise((resolve) => void setImmediate(resolve))
  }

  /** Moves the time at once; whoever is due by then runs when the test next waits, and finds all of it passed. */
  jump(ms: number): void {
    this.#nowMs += ms
    for (const sleeper of this.#inOrder()) {
      if (sleeper.atMs <= this.#nowMs) this.#wake(sleeper)
    }
  }

  /** Lets `ms` pass: everything due by then happens at its own moment, in order. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await this.settle()
    for (;;) {
      const [next] = this.#inOrder()
      if (next === undefined || next.atMs > untilMs) break
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      this.#wake(next)
      await this.settle()
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  /** Resolves when everything in this process that needs no time has happened. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await this.turn()
  }

  #inOrder(): Sleeper[] {
    return [...this.#sleepers].toSorted((left, right) => left.atMs - right.atMs)
  }

  #wake(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper)
    sleeper.wake()
  }
}
