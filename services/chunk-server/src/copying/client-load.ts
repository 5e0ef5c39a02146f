/**
 * Whether clients want something of this server's disk, and whether they wait for it longer than they do when nothing else goes on:
 * what its copies are asked for on their behalf, here or by other servers. Work in the background asks this, and gives way.
 */
import { type Clock } from '@dfs/core'

/** Somebody is there for as long after each request. */
const RECENT_MS = 1000
const SAMPLES_MAX = 64
/** Of the last requests, and of those when nothing else went on. */
const LATEST_COUNT = 16
const IDLE_COUNT_MIN = 8
const SLOW_FACTOR = 2

export type ClientLoadLevel = 'none' | 'some' | 'slow'

export class ClientLoad {
  readonly #clock: Clock
  #lastMs = -Infinity
  #underWay = 0
  readonly #latestMs: number[] = []
  readonly #idleMs: number[] = []
  /** Up to when work in the background counts as going on. */
  #busyToMs = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Carries out what a client waits for. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const fromMs = this.#clock.monotonicMs()
    this.#underWay += 1
    try {
      return await work()
    } finally {
      this.#underWay -= 1
      this.#lastMs = this.#clock.monotonicMs()
      this.#note(this.#lastMs - fromMs)
    }
  }

  /** A step of work in the background is over: what clients waited for meanwhile, and soon after, says nothing of idle times. */
  noteBackground(): void {
    this.#busyToMs = this.#clock.monotonicMs() + RECENT_MS
  }

  get level(): ClientLoadLevel {
    if (this.#underWay === 0 && this.#clock.monotonicMs() - this.#lastMs >= RECENT_MS) return 'none'
    if (this.#idleMs.length < IDLE_COUNT_MIN) return 'some'
    const isSlow = median(this.#latestMs.slice(-LATEST_COUNT)) >= SLOW_FACTOR * median(this.#idleMs)
    return isSlow ? 'slow' : 'some'
  }

  #note(ms: number): void {
    push(this.#latestMs, ms)
    if (this.#clock.monotonicMs() >= this.#busyToMs) push(this.#idleMs, ms)
  }
}

function push(samples: number[], ms: number): void {
  samples.push(ms)
  if (samples.length > SAMPLES_MAX) samples.shift()
}

const median = (samples: readonly number[]): number =>
  samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? 0
