/** Real time, and chance that repeats itself, for tests against the fake cluster. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, type Random } from '@dfs/core'

export const testClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error
    }
  },
  turn: () => new Promise((resolve) => void setImmediate(resolve)),
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
