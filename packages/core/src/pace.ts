/** Keeps work to a rate: up to when what was done would last at it, one step behind the other. A pause is not made up for. */
import { type Clock } from './clock.ts'

export class Pace {
  readonly #clock: Clock
  #lastsToMs = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What is left of it after a step that took `tookMs` and would last for `lastsMs`. */
  restMs(lastsMs: number, tookMs: number): number {
    const nowMs = this.#clock.monotonicMs()
    this.#lastsToMs = Math.max(this.#lastsToMs, nowMs - tookMs) + lastsMs
    return Math.max(0, this.#lastsToMs - nowMs)
  }
}
