/**
 * How long a node that has just started waits for others before it says that it is ready. Until the time is over only the
 * best will do, afterwards what can be had. Once it was ready it stays so, as far as this is concerned: a node that came to
 * lack something later still serves, and to take it out of service for that would only make things worse.
 */
import { type Clock } from './clock.ts'

/** What a node has at the moment of all that it waits for. */
export type Attainment = 'all' | 'enough' | 'too little'

export class StartWait {
  readonly #clock: Clock
  readonly #untilMs: number
  #isReady = false

  /** The time begins now. */
  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock
    this.#untilMs = clock.monotonicMs() + waitMs
  }

  /** Whether nothing needs to be looked at any more: it was ready once. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Whether it is ready, now that it has this. */
  look(has: Attainment): boolean {
    const isLate = this.#clock.monotonicMs() >= this.#untilMs
    this.#isReady ||= has === 'all' || (has === 'enough' && isLate)
    return this.#isReady
  }
}
