/**
 * How well a client keeps up with a body that somebody reads: whoever has too little room gives up the body whose client has
 * kept it waiting for longest. Only the client's own time counts, not what the reader takes between two pieces.
 */
import { type Clock } from '@dfs/core'
import { KIB } from './limits.ts'

/** A client that sends less counts as one that sends nothing, or a byte a minute would hold a place for ever. */
const PROGRESS_BYTES = 64 * KIB

export class BodyPace {
  readonly #clock: Clock
  #movedMs: number
  /** Since when the client's next piece is waited for; null while none is. */
  #askedMs: number | null = null
  /** How long its pieces were waited for since its last progress, and what has come since. */
  #waitedMs = 0
  #waitedBytes = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#movedMs = clock.monotonicMs()
  }

  /** When the client has last done its part, on the monotonic clock. */
  get movedMs(): number {
    return this.#movedMs
  }

  get isAwaited(): boolean {
    return this.#askedMs !== null
  }

  /** For how long the client has kept others waiting without progress to speak of. */
  get owedMs(): number {
    return this.#waitedMs + (this.#askedMs === null ? 0 : this.#clock.monotonicMs() - this.#askedMs)
  }

  /** It is the client's turn. */
  noteAsked(): void {
    this.#askedMs = this.#clock.monotonicMs()
  }

  /** The client has sent this piece, or, null, all that there is. */
  noteCame(piece: Uint8Array | null): void {
    const nowMs = this.#clock.monotonicMs()
    if (this.#askedMs !== null) this.#waitedMs += nowMs - this.#askedMs
    this.#askedMs = null
    this.#movedMs = nowMs
    this.#waitedBytes += piece?.byteLength ?? PROGRESS_BYTES
    if (this.#waitedBytes < PROGRESS_BYTES) return
    this.#waitedBytes = 0
    this.#waitedMs = 0
  }
}
