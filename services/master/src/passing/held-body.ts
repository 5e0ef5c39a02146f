/**
 * A body on its way through the master. As long as no more of it than a short write has come, all of it is kept, so that
 * it can start over at another server; beyond that, each piece is let go when it has been handed on.
 */
import { type ByteSource, type Clock } from '@dfs/core'
import { BodyPace, SMALL_WRITE_BYTES_MAX } from '@dfs/protocol'

export class HeldBody {
  readonly #source: ByteSource
  readonly #pace: BodyPace
  #pieces: Uint8Array[] = []
  #heldBytes = 0
  #isTooLong = false
  #isWhole = false
  /** Asked of the source and not there yet: an attempt that broke off may have left it behind. */
  #coming: Promise<void> | null = null
  #attempt = 0

  constructor(source: ByteSource, clock: Clock) {
    this.#source = source
    this.#pace = new BodyPace(clock)
  }

  /** Whether all that has come until now is still here. */
  get canBegin(): boolean {
    return !this.#isTooLong
  }

  /** When the client has last done its part, on the monotonic clock. */
  get movedMs(): number {
    return this.#pace.movedMs
  }

  /** For how long the client has kept others waiting without progress to speak of. What others take does not count. */
  get owedMs(): number {
    return this.#pace.owedMs
  }

  /**
   * The body from its beginning, or null if not all of it is held any more, which an attempt that broke off may have left to
   * happen at any moment. Whoever read it before reads no more. Its pieces must not be changed.
   */
  begin(): ByteSource | null {
    if (this.#isTooLong) return null
    this.#attempt += 1
    const attempt = this.#attempt
    let at = 0
    return {
      next: async () => {
        if (at === this.#pieces.length && !this.#isWhole) await this.#pull()
        // The one that took over finds the piece among the others.
        if (attempt !== this.#attempt || at === this.#pieces.length) return null
        const piece = this.#pieces[at]!
        at += 1
        if (this.#isTooLong && at === this.#pieces.length) {
          this.#pieces = []
          at = 0
        }
        return piece
      },
    }
  }

  #pull(): Promise<void> {
    this.#coming ??= this.#take().finally(() => (this.#coming = null))
    return this.#coming
  }

  async #take(): Promise<void> {
    this.#pace.noteAsked()
    const piece = await this.#source.next()
    this.#pace.noteCame(piece)
    if (piece === null) {
      this.#isWhole = true
      return
    }
    this.#pieces.push(piece)
    this.#heldBytes += piece.byteLength
    this.#isTooLong ||= this.#heldBytes > SMALL_WRITE_BYTES_MAX
  }
}
