/**
 * Many moments in time, one timer. Each request has a deadline, and hardly any comes to it: a timer for each would cost more
 * than many a request does. The timer is set for the earliest moment and looks again when it fires; that deadlines are added
 * about in their order, and forgotten long before, costs an entry in a set.
 */
import { type Clock } from './clock.ts'

/** What {@link Deadlines.add} gives, to be handed back to `forget`. */
export interface Due {
  readonly atMs: number
  readonly act: () => void
}

/** Ends a sleep that is too long for a new moment: made once, since an error with its stack is expensive. */
const EARLIER = new Error('an earlier moment was added')

export class Deadlines {
  readonly #clock: Clock
  readonly #dues = new Set<Due>()
  /** When the timer fires; Infinity if there is none. */
  #wakesAtMs = Infinity
  #sleeping = new AbortController()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `act` once, at the monotonic moment `atMs` or, if that has passed, soon; unless it is forgotten before. */
  add(atMs: number, act: () => void): Due {
    const due = { atMs, act }
    this.#dues.add(due)
    if (atMs < this.#wakesAtMs) this.#wakeAt(atMs)
    return due
  }

  forget(due: Due): void {
    this.#dues.delete(due)
  }

  /**
   * The outcome of `work`, or the error `late()` if that has not come by `atMs`. The work goes on then: whoever needs its
   * outcome nevertheless takes it in `late`.
   */
  within<T>(atMs: number, work: Promise<T>, late: () => Error): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const due = this.add(atMs, () => reject(late()))
    work.then(
      (result) => {
        this.forget(due)
        resolve(result)
      },
      (error: unknown) => {
        this.forget(due)
        reject(error as Error)
      },
    )
    return promise
  }

  #wakeAt(atMs: number): void {
    this.#sleeping.abort(EARLIER)
    const sleeping = new AbortController()
    this.#sleeping = sleeping
    this.#wakesAtMs = atMs
    const leftMs = Math.max(0, atMs - this.#clock.monotonicMs())
    void this.#clock.sleep(leftMs, sleeping.signal).then(
      () => this.#wake(),
      // Whoever has aborted it sleeps in its place.
      () => undefined,
    )
  }

  #wake(): void {
    this.#wakesAtMs = Infinity
    const nowMs = this.#clock.monotonicMs()
    let nextMs = Infinity
    const passed: Due[] = []
    for (const due of this.#dues) {
      if (due.atMs <= nowMs) passed.push(due)
      else nextMs = Math.min(nextMs, due.atMs)
    }
    if (nextMs < Infinity) this.#wakeAt(nextMs)
    // One that acts may have another one forgotten.
    for (const due of passed) if (this.#dues.delete(due)) due.act()
  }
}
