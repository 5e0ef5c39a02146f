/** Time that a test moves, and chance that repeats itself, for tests against the fake cluster. */
import { type Clock, type Random } from '@dfs/core'

interface Sleeper {
  readonly untilMs: number
  readonly wake: () => void
}

/** Sleeps up to this pass at once and move the time: they are pauses between attempts, for which no test should wait. */
const PAUSE_MS_MAX = 2000

/** Longer sleeps are deadlines: they end when a test lets that much time pass, however slow the machine is. */
export class TestClock implements Clock {
  #nowMs = 0
  readonly #sleepers = new Set<Sleeper>()
  readonly #pauseMsMax: number

  /** With 0, no sleep passes by itself. */
  constructor(pauseMsMax = PAUSE_MS_MAX) {
    this.#pauseMsMax = pauseMsMax
  }

  get sleepersCount(): number {
    return this.#sleepers.size
  }

  wallMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  advance(ms: number): void {
    this.#nowMs += ms
    for (const sleeper of this.#sleepers) {
      if (sleeper.untilMs <= this.#nowMs) sleeper.wake()
    }
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (ms <= this.#pauseMsMax) {
      this.advance(ms)
      return await this.turn()
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const sleeper: Sleeper = { untilMs: this.#nowMs + ms, wake: resolve }
    const onAbort = (): void => reject(signal?.reason)
    this.#sleepers.add(sleeper)
    signal?.addEventListener('abort', onAbort)
    try {
      await promise
    } finally {
      this.#sleepers.delete(sleeper)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  turn(): Promise<void> {
    return new Promise((resolve) => void setImmediate(resolve))
  }
}

/** A linear congruential generator: enough for jitter. */
export function testRandom(seed = 1): Random {
  let state = seed
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)
  return {
    bytes: (count) => Uint8Array.from({ length: count }, () => next() >>> 24),
    int: (below) => Math.floor((next() / 2 ** 32) * below),
    fork: (label) => testRandom(seed + label.length),
  }
}
