/**
 * Whether the cluster can be used, for `/readyz`: one question every few seconds, never two at once, and the last outcome in
 * between. Until the cluster has said for the first time that it is ready it is asked for that, more often; afterwards only
 * whether it can be reached. Requests are not looked at: a gateway that nobody uses must tell as well, and a busy one must
 * not ask more often.
 */
import { type Clock, InvariantError, type Log, withDeadline } from '@dfs/core'
import { type Readiness } from '@dfs/protocol'

export interface StorageWatchOptions {
  /** Whether the cluster is ready: what is missing all the same, or null; rejects if it is not. */
  readonly askReady: (signal: AbortSignal) => Promise<string | null>
  /** Rejects if the cluster cannot be asked; it may be given up after `withinMs`. */
  readonly ask: (signal: AbortSignal) => Promise<unknown>
  /** From the end of one question to the next; the first until the cluster was ready. */
  readonly everyMsAtStart: number
  readonly everyMs: number
  readonly withinMs: number
  readonly clock: Clock
  readonly log: Log
}

export class StorageWatch {
  readonly #options: StorageWatchOptions
  readonly #stopped = new AbortController()
  #reason: string | null = 'the master was not asked yet'
  #wasReady = false
  #isReached = true

  constructor(options: StorageWatchOptions) {
    this.#options = options
  }

  /** As of the last answer. */
  readonly readiness = (): Readiness => ({ whyNot: this.#reason, missing: null })

  /** Begins to ask. Call it once. */
  start(): void {
    void this.#run()
  }

  /** Asks no more; a question under way is forgotten. Idempotent. */
  stop(): void {
    this.#stopped.abort()
  }

  async #run(): Promise<void> {
    const { clock, everyMs, everyMsAtStart } = this.#options
    const { signal } = this.#stopped
    while (!signal.aborted) {
      await this.#look()
      await clock.sleep(this.#wasReady ? everyMs : everyMsAtStart, signal).catch(() => {})
    }
  }

  async #look(): Promise<void> {
    const { ask, askReady, clock, log, withinMs } = this.#options
    const failure = await withDeadline(clock, withinMs, async (signal) => {
      if (this.#wasReady) return void (await ask(signal))
      const missing = await askReady(signal)
      this.#wasReady = true
      log.info({ missing }, 'the cluster is ready')
    }).then(
      () => null,
      (error: unknown) => ({ error }),
    )
    if (failure?.error instanceof InvariantError) throw failure.error
    if (this.#stopped.signal.aborted) return
    this.#note(failure === null ? null : detailOf(failure.error))
  }

  #note(failure: string | null): void {
    const { log } = this.#options
    const isReached = failure === null
    this.#reason = isReached
      ? null
      : `${this.#wasReady ? 'the master cannot be reached' : 'the cluster is not ready'}: ${failure}`
    if (isReached === this.#isReached) return
    this.#isReached = isReached
    if (isReached) log.info({}, 'the cluster can be used again')
    else log.warn({ reason: this.#reason }, 'files cannot be served')
  }
}

const detailOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
