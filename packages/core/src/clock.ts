/**
 * Time as an argument. Everything that waits, measures or labels takes a Clock, so that the same code runs on real time
 * and on the simulator's virtual time.
 */
export interface Clock {
  /** Milliseconds since 1970. A label for people; no decision may depend on it (it jumps). */
  wallMs(): number
  /** Milliseconds since some fixed moment; never goes back. Every decision about time uses this one. */
  monotonicMs(): number
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /**
   * Resolves when everything that is ready now has run: one turn of the event loop. Group commit gathers its batch
   * over this moment instead of over a timer.
   */
  turn(): Promise<void>
}

/** Ends the sleep of every deadline that was kept: made once, since an error with its stack is expensive. */
const FINISHED = new Error('the work is done')

/** What {@link withDeadline} throws when the time has passed first. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
}

/**
 * Runs `work` with a signal that aborts after `ms`. When the deadline comes first, the returned promise rejects with
 * {@link DeadlineError} at once, whether or not the work follows its signal; the work's own outcome is then dropped, so
 * it must not be needed.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const finished = new AbortController()
  const expired = new AbortController()
  const deadline = clock.sleep(ms, finished.signal).then(
    () => {
      const error = new DeadlineError(`no result within ${ms} ms`)
      expired.abort(error)
      throw error
    },
    () => new Promise<never>(() => {}),
  )
  try {
    return await Promise.race([work(expired.signal), deadline])
  } finally {
    finished.abort(FINISHED)
  }
}
