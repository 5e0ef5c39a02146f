/**
 * A deadline that can be stopped and started: it counts only the time spent waiting for a server, never the time that a
 * slow source or a slow reader takes. One timer at most, re-armed when it fires, so progress costs nothing. Long before the
 * deadline a silent server can be asked whether it lives at all.
 */
import { type Clock } from '@dfs/core'

export interface WatchdogOptions {
  readonly clock: Clock
  /** Aborts the work as well, with its own reason. */
  readonly signal?: AbortSignal | undefined
  readonly lifeSign?: LifeSign | undefined
}

export interface LifeSign {
  /** Asked after that long without progress, and again after as long. */
  readonly everyMs: number
  /** Whether to go on waiting; never rejects. Resolves soon, at the latest when `signal` aborts. */
  readonly isAlive: (signal: AbortSignal) => Promise<boolean>
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
  readonly #lifeSign: LifeSign | undefined
  readonly #work = new AbortController()
  readonly #ended = new AbortController()
  #limitMs = 0
  #expiresAtMs = Infinity
  #doubtAtMs = Infinity
  /** Rises with each progress and each pause. */
  #changesCount = 0
  #isWatching = false

  constructor(options: WatchdogOptions) {
    this.#clock = options.clock
    this.#outer = options.signal
    this.#lifeSign = options.lifeSign
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
    const nowMs = this.#clock.monotonicMs()
    this.#changesCount += 1
    this.#expiresAtMs = nowMs + this.#limitMs
    this.#doubtAtMs = nowMs + (this.#lifeSign?.everyMs ?? Infinity)
    if (!this.#isWatching) void this.#watch()
  }

  /** Nobody waits for a server now. */
  pause(): void {
    this.#changesCount += 1
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
      const nowMs = this.#clock.monotonicMs()
      if (nowMs >= this.#expiresAtMs) {
        this.#giveUp(`no answer within ${this.#limitMs} ms`)
      } else if (nowMs >= this.#doubtAtMs) {
        await this.#askForLife()
      } else {
        const untilMs = Math.min(this.#expiresAtMs, this.#doubtAtMs)
        await this.#clock.sleep(untilMs - nowMs, this.#ended.signal).catch(this.#ignoreEnd)
      }
    }
    this.#isWatching = false
  }

  async #askForLife(): Promise<void> {
    const changesCount = this.#changesCount
    const isAlive = (await this.#lifeSign?.isAlive(this.#ended.signal)) ?? true
    if (this.#ended.signal.aborted || changesCount !== this.#changesCount) return
    if (isAlive) this.#doubtAtMs = this.#clock.monotonicMs() + (this.#lifeSign?.everyMs ?? Infinity)
    else this.#giveUp('no sign of life')
  }

  #giveUp(reason: string): void {
    this.pause()
    this.#work.abort(new SilenceError(reason))
  }

  readonly #ignoreEnd = (error: unknown): void => {
    if (!this.#ended.signal.aborted) throw error
  }
}
