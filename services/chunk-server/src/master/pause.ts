/** A pause that news ends early. News that comes before the pause begins ends it as well, from {@link arm} on. */
import { type Clock } from '@dfs/core'

export class Pause {
  readonly #clock: Clock
  #ended = Promise.withResolvers<void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What was news before is none any more. */
  arm(): void {
    this.#ended = Promise.withResolvers()
  }

  end(): void {
    this.#ended.resolve()
  }

  /** Resolves after `ms`, at news, or when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const either = AbortSignal.any([over.signal, signal])
    try {
      await Promise.race([this.#clock.sleep(ms, either).catch(() => undefined), this.#ended.promise])
    } finally {
      over.abort()
    }
  }
}
