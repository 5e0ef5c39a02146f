/** How much was done per second lately: over the time window that has just ended and the one that has begun. */
import { type Clock } from '../clock.ts'

const WINDOW_MS = 30_000

export class RateMeter {
  readonly #clock: Clock
  #sinceMs: number
  #count = 0
  /** Of the window before; null if there was none. */
  #before: number | null = null

  constructor(clock: Clock) {
    this.#clock = clock
    this.#sinceMs = clock.monotonicMs()
  }

  add(count: number): void {
    this.#turn()
    this.#count += count
  }

  get perSecond(): number {
    const elapsedMs = this.#turn() + (this.#before === null ? 0 : WINDOW_MS)
    return elapsedMs === 0 ? 0 : ((this.#count + (this.#before ?? 0)) * 1000) / elapsedMs
  }

  /** Begins a new window if the last one is over; how old the present one is. */
  #turn(): number {
    const elapsedMs = this.#clock.monotonicMs() - this.#sinceMs
    if (elapsedMs < WINDOW_MS) return elapsedMs
    this.#before = elapsedMs < 2 * WINDOW_MS ? this.#count : 0
    this.#count = 0
    const intoMs = elapsedMs % WINDOW_MS
    this.#sinceMs += elapsedMs - intoMs
    return intoMs
  }
}
