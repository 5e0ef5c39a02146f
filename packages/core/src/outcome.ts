/**
 * A promise that several things race to settle: an answer, an error, a deadline, the caller's signal. The first one counts, and
 * what was kept for the others (timers, places, listeners) is let go at that moment, once.
 *
 * Refused: to rely on a promise's own "first call wins": nobody learns from it who was the first, and what has been
 * kept would be let go at every attempt.
 */
export class Outcome<T> {
  readonly promise: Promise<T>
  readonly #resolve: (value: T) => void
  readonly #reject: (error: unknown) => void
  readonly #letGo: () => void
  #isSettled = false
  #signal: AbortSignal | undefined
  #onAbort: (() => void) | null = null

  /** `letGo` is called once, before the promise settles. */
  constructor(letGo: () => void) {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#letGo = letGo
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Has `onAbort` called when `signal` aborts before it is settled; at once if it has aborted. At most one signal. */
  abortedBy(signal: AbortSignal | undefined, onAbort: () => void): void {
    this.#signal = signal
    this.#onAbort = onAbort
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted === true) onAbort()
  }

  /** Whether it was this that settled it. */
  resolve(value: T): boolean {
    if (!this.#settle()) return false
    this.#resolve(value)
    return true
  }

  /** Whether it was this that settled it. */
  reject(error: unknown): boolean {
    if (!this.#settle()) return false
    this.#reject(error)
    return true
  }

  #settle(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.#letGo()
    if (this.#onAbort !== null) this.#signal?.removeEventListener('abort', this.#onAbort)
    return true
  }
}
