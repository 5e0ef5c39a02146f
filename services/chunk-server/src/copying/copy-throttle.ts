/**
 * How long the making of copies rests after a step, so that clients hardly notice it: nothing while there are none, since a
 * cluster that heals slowly though nobody uses it is the most common complaint about such systems; otherwise as long as the steps
 * take, or four times that while clients wait for longer than usual (the idea of Garage's tranquilizer). Three numbers bound it, as
 * in mClock: a limit whatever the load, a reservation for copies that somebody misses, and nothing of its own for a mere move.
 *
 * One for the server: what one step takes, the next one of any other copy pays for.
 */
import { type Clock, Pace } from '@dfs/core'
import { COPY_PRIORITY_MOVE, MIB } from '@dfs/protocol'
import { type ClientLoad } from './client-load.ts'

const LIMIT_PER_MS = (64 * MIB) / 1000
/** With one whole copy left, or none, the next failure of a disk may be the last. */
const URGENT_LIMIT_PER_MS = (128 * MIB) / 1000
const RESERVED_PER_MS = (4 * MIB) / 1000
/** Times the mean of the last steps, by the load. */
const RESTS = { none: 0, some: 1, slow: 4 } as const
const STEPS_COUNT = 8

export interface CopyStep {
  readonly bytes: number
  /** They were read here to see whether they are right, and came from nobody. */
  readonly isCheck: boolean
  readonly tookMs: number
  /** As in the order. */
  readonly priority: number
}

export interface CopyThrottleDeps {
  readonly clock: Clock
  readonly load: Pick<ClientLoad, 'level'>
}

export class CopyThrottle {
  readonly #deps: CopyThrottleDeps
  readonly #tookMs: number[] = []
  readonly #limit: Pace
  readonly #reserved: Pace

  constructor(deps: CopyThrottleDeps) {
    this.#deps = deps
    this.#limit = new Pace(deps.clock)
    this.#reserved = new Pace(deps.clock)
  }

  /** Milliseconds until the next step, of whichever copy, after this one. */
  restMs({ bytes, isCheck, tookMs, priority }: CopyStep): number {
    if (bytes === 0) return 0
    this.#tookMs.push(tookMs)
    if (this.#tookMs.length > STEPS_COUNT) this.#tookMs.shift()
    const limitPerMs = priority <= 1 ? URGENT_LIMIT_PER_MS : LIMIT_PER_MS
    const limitMs = this.#limit.restMs((isCheck ? 0 : bytes) / limitPerMs, tookMs)
    const reservedMs = this.#reserved.restMs(bytes / RESERVED_PER_MS, tookMs)
    const politeMs = RESTS[this.#deps.load.level] * this.#meanMs()
    return Math.max(limitMs, priority < COPY_PRIORITY_MOVE ? Math.min(politeMs, reservedMs) : politeMs)
  }

  #meanMs(): number {
    return this.#tookMs.reduce((sum, ms) => sum + ms, 0) / this.#tookMs.length
  }
}
