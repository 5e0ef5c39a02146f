/**
 * Notices bodies that do not go on. One slow heartbeat serves all of them, so that a request pays two operations on a
 * set instead of a timer. It beats only while something is watched.
 */
import { type Clock } from '@dfs/core'

const BEAT_MS = 1000

/** What {@link BodyWatch.add} gives, to be handed back to `forget`. */
export interface Watch {
  readonly expire: () => void
  beatsLeft: number
}

export class BodyWatch {
  readonly #clock: Clock
  readonly #watched = new Set<Watch>()
  readonly #closed = new AbortController()
  #isBeating = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `expire` once, `ms` from now (to about a second), unless it is forgotten before. */
  add(ms: number, expire: () => void): Watch {
    const watched: Watch = { expire, beatsLeft: Math.ceil(ms / BEAT_MS) + 1 }
    this.#watched.add(watched)
    if (!this.#isBeating && !this.#closed.signal.aborted) void this.#beat()
    return watched
  }

  forget(watch: Watch): void {
    this.#watched.delete(watch)
  }

  /** Stops the heartbeat. Idempotent. */
  close(): void {
    this.#closed.abort()
  }

  async #beat(): Promise<void> {
    this.#isBeating = true
    while (this.#watched.size > 0) {
      const isOver = await this.#clock.sleep(BEAT_MS, this.#closed.signal).then(
        () => false,
        () => true,
      )
      if (isOver) break
      for (const watched of this.#watched) {
        watched.beatsLeft -= 1
        if (watched.beatsLeft > 0) continue
        this.#watched.delete(watched)
        watched.expire()
      }
    }
    this.#isBeating = false
  }
}
