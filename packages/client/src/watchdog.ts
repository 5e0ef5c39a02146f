/**
 * A deadline that can be stopped and started: it counts only the time spent waiting for a server, never the time that a
 * slow source or a slow reader takes. One timer at most, re-armed when it fires, so progress costs nothing.
 */
import { type Clock } from '@dfs/core'

export interface WatchdogOptions {
  readonly clock: Clock
  /** Aborts the work as well, with its own reason. */
  readonly signal?: AbortSignal | undefined
}

/** The reason of {@link Watchdog.signal} once a server was silent for too long. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError'
}

/** A reason made once: the default one costs an exception with its stack for each request. */
const ENDED = new Error('the watch has ended')

export class Watchdog {
  readonly #clock: Clock
  readonly #outer: AbortSignal | undefined
  readonly #work = new AbortController()
  readonly #ended = new AbortController()
  #limitMs = 0
  #expiresAtMs = Infinity
  #isWatching = false

  constructor(options: WatchdogOptions) {
    this.#clock = options.clock
    this.#outer = options.signal
    if (this.#outer?.aborted === true) this.#abortWork()
    else this.#outer?.addEventListener('abort', this.#abortWork, { once: true })
  }

  /** Hand this to the work. */
  get signal(): AbortSignal {
    return this.#work.signal
  }

  /** From now on the work has `limitMs` until it must show progress by another call, or be paused. */
  start(limitMs: number): void {
    this.#limitMs = limitMs
    this.resume()
  }

  /** Progress: the time starts again. */
  resume(): void {
    this.#expiresAtMs = this.#clock.monotonicMs() + this.#limitMs
    if (!this.#isWatching) void this.#watch()
  }

  /** Nobody waits for a server now. */
  pause(): void {
    this.#expiresAtMs = Infinity
  }

  /** Ends the watch and its timer. Idempotent. */
  end(): void {
    this.pause()
    this.#ended.abort(ENDED)
    this.#outer?.removeEventListener('abort', this.#abortWork)
  }

  readonly #abortWork = (): void => this.#work.abort(this.#outer?.reason)

  async #watch(): Promise<void> {
    this.#isWatching = true
    while (this.#expiresAtMs !== Infinity && !this.#ended.signal.aborted) {
      const leftMs = this.#expiresAtMs - this.#clock.monotonicMs()
      if (leftMs <= 0) {
        this.#work.abort(new SilenceError(`no answer within ${this.#limitMs} ms`))
        break
      }
      await this.#clock.sleep(leftMs, this.#ended.signal).catch(this.#ignoreEnd)
    }
    this.#isWatching = false
  }

  readonly #ignoreEnd = (error: unknown): void => {
    if (!this.#ended.signal.aborted) throw error
  }
}
