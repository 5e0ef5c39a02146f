/**
 * Whether the cluster can be asked, for `/readyz`: one question every few seconds, never two at once, and the last
 * outcome in between. Requests are not looked at: a gateway that nobody uses must tell as well, and a busy one must not
 * ask more often.
 */
import { type Clock, InvariantError, type Log, withDeadline } from '@dfs/core'

export interface StorageWatchOptions {
  /** Rejects where the cluster cannot be asked; it may be given up after `withinMs`. */
  readonly ask: (signal: AbortSignal) => Promise<unknown>
  /** From the end of one question to the next. */
  readonly everyMs: number
  readonly withinMs: number
  readonly clock: Clock
  readonly log: Log
}

export class StorageWatch {
  readonly #options: StorageWatchOptions
  readonly #stopped = new AbortController()
  #reason: string | null = 'the master was not asked yet'
  #isReached = true

  constructor(options: StorageWatchOptions) {
    this.#options = options
  }

  /** Why the cluster cannot be used, as of the last answer; null when it can. */
  readonly whyNotReady = (): string | null => this.#reason

  /** Begins to ask. Call it once. */
  start(): void {
    void this.#run()
  }

  /** Asks no more; a question under way is forgotten. Idempotent. */
  stop(): void {
    this.#stopped.abort()
  }

  async #run(): Promise<void> {
    const { clock, everyMs } = this.#options
    const { signal } = this.#stopped
    while (!signal.aborted) {
      await this.#look()
      await clock.sleep(everyMs, signal).catch(() => {})
    }
  }

  async #look(): Promise<void> {
    const { ask, clock, withinMs, log } = this.#options
    const failure = await withDeadline(clock, withinMs, ask).then(
      () => null,
      (error: unknown) => ({ error }),
    )
    if (failure?.error instanceof InvariantError) throw failure.error
    if (this.#stopped.signal.aborted) return
    const isReached = failure === null
    this.#reason = isReached ? null : `the master cannot be reached: ${detailOf(failure.error)}`
    if (isReached === this.#isReached) return
    this.#isReached = isReached
    if (isReached) log.info({}, 'the master answers again')
    else log.warn({ reason: this.#reason }, 'files cannot be served')
  }
}

const detailOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
