/** Chance that repeats itself (mulberry32): enough for jitter and for draws in tests; whole nodes have the simulator's. */
import { type Random } from '../../src/index.ts'

export function seededRandom(seed = 1): Random {
  let state = seed
  const int = (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
  return {
    int,
    bytes: (count) => Uint8Array.from({ length: count }, () => int(256)),
    fork: (label) => seededRandom(int(2 ** 32) ^ label.length),
  }
}
