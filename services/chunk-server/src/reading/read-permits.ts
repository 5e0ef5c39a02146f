/**
 * How many bytes of files may be in memory on their way to readers. Each piece is read under a permit for its size, which
 * is given back when the piece has left. The more streams there are, the smaller their pieces; reading ahead only takes
 * what nobody waits for. So memory is bounded, whatever the number of readers and however slow they are.
 *
 * A reader that takes nothing for a second (a paused player) loses what was read ahead for it as soon as others wait, and
 * keeps the one piece that is being sent, which nobody can take back from the kernel. Only if others wait and even that
 * is not enough is a stream ended: the one whose reader has taken nothing for longest.
 *
 * Nothing here runs on a timer unless somebody waits. Nobody is refused because many wait: who waits holds a connection, and
 * those are counted.
 */
import { assert, type Clock, QueueFullError } from '@dfs/core'
import { KIB, MIB } from '@dfs/protocol'

const LOOK_EVERY_MS = 250
/** A reader that has not taken its piece by then reads nothing at the moment. */
const STALLED_MS = 1000
/** One that has not by then may have to make room. */
const ENDED_MS = 5000
/** Before anybody is ended, this is how long is waited for what readers that do take their pieces will give back. */
const PATIENCE_MS = 500
/** Nobody waits for longer: the answer is then that there is too much to do. */
const WAIT_MS_MAX = 15_000

export const PIECE_BYTES_MIN = 64 * KIB
export const PIECE_BYTES_MAX = MIB
/** Nothing is known yet of who asks: they may take nothing. Most files are no longer than this, and are one piece. */
const FIRST_PIECE_BYTES = 256 * KIB
/** Of all permitted bytes, what the pieces of all streams come to. The rest is for pieces made when streams were fewer. */
const SHARED_PART = 1 / 16
/** What may be taken for reading ahead, with all else. The rest is for what readers wait for. */
const AHEAD_PART = 3 / 4

/** The right to have so many bytes in memory. */
export interface ReadPermit {
  readonly bytes: number
  /** Idempotent. */
  release(): void
}

/** What a stream does for others. */
export interface ReadStream {
  /** Gives back what it has read ahead, and says how many bytes that is. */
  dropAhead(): number
  /** Its reader has taken nothing for so long that it must make room. Its piece is given back when nobody sends it any more. */
  end(): void
}

interface Waiting {
  readonly bytes: number
  readonly sinceMs: number
  readonly resolve: (permit: ReadPermit) => void
  readonly reject: (error: Error) => void
}

export class ReadPermits {
  readonly #clock: Clock
  readonly #bytesMax: number
  #used = 0
  /** Streams with a piece that is being sent, by when it was lent, and those of them that have nothing left to drop. */
  readonly #lent = new Map<ReadStream, number>()
  readonly #stalled = new Map<ReadStream, number>()
  /** Streams that were told to end, and have not left yet. */
  readonly #ending = new Set<ReadStream>()
  #streamsCount = 0
  #waiting: Waiting[] = []
  #isPressing = false

  constructor(clock: Clock, bytesMax: number) {
    assert(bytesMax >= PIECE_BYTES_MIN, 'at least one piece fits')
    this.#clock = clock
    this.#bytesMax = bytesMax
  }

  /** Bytes under permits. */
  get usedBytes(): number {
    return this.#used
  }

  /** One more stream shares the memory, until it leaves. */
  join(): void {
    this.#streamsCount += 1
  }

  leave(stream: ReadStream): void {
    this.noteTaken(stream)
    this.#ending.delete(stream)
    this.#streamsCount -= 1
  }

  /** How long the next piece of a stream may be whose reader has taken `takenBytes` so far. */
  pieceBytes(takenBytes: number): number {
    const share = (this.#bytesMax * SHARED_PART) / this.#streamsCount
    const wanted = Math.max(FIRST_PIECE_BYTES, takenBytes / 4)
    let bytes = PIECE_BYTES_MIN
    while (bytes < PIECE_BYTES_MAX && 2 * bytes <= Math.min(share, wanted)) bytes *= 2
    return bytes
  }

  /** A permit for reading ahead, or null if others need the room. */
  takeAhead(bytes: number): ReadPermit | null {
    return this.#grantUpTo(bytes, AHEAD_PART * this.#bytesMax)
  }

  /**
   * A permit for what a reader waits for: for all of the bytes, or for as many as one small piece has. First come, first
   * served. Throws {@link QueueFullError} if it takes too long.
   */
  take(bytes: number): ReadPermit | Promise<ReadPermit> {
    const fewest = Math.min(bytes, PIECE_BYTES_MIN)
    const permit = this.#grantUpTo(bytes, this.#bytesMax) ?? this.#grantUpTo(fewest, this.#bytesMax)
    if (permit !== null) return permit
    const { promise, resolve, reject } = Promise.withResolvers<ReadPermit>()
    this.#waiting.push({ bytes: fewest, sinceMs: this.#clock.monotonicMs(), resolve, reject })
    if (this.#isPressing) this.#makeRoom()
    else void this.#press()
    return promise
  }

  /** A piece is on its way to the reader. */
  noteLent(stream: ReadStream): void {
    this.#lent.set(stream, this.#clock.monotonicMs())
  }

  /** The piece has left. */
  noteTaken(stream: ReadStream): void {
    if (!this.#lent.delete(stream)) this.#stalled.delete(stream)
  }

  /** Null if others wait, or if there would be more than `bytesMax` in memory. */
  #grantUpTo(bytes: number, bytesMax: number): ReadPermit | null {
    return this.#waiting.length === 0 && this.#used + bytes <= bytesMax ? this.#grant(bytes) : null
  }

  #grant(bytes: number): ReadPermit {
    this.#used += bytes
    let isReleased = false
    return {
      bytes,
      release: () => {
        if (isReleased) return
        isReleased = true
        this.#used -= bytes
        this.#grantWaiting()
      },
    }
  }

  #grantWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#used + next.bytes > this.#bytesMax) return
      this.#waiting.shift()
      next.resolve(this.#grant(next.bytes))
    }
  }

  /** As long as somebody waits: makes room at the cost of those that read nothing, the idlest first. */
  async #press(): Promise<void> {
    this.#isPressing = true
    while (this.#waiting.length > 0) {
      this.#makeRoom()
      await this.#clock.sleep(LOOK_EVERY_MS)
      this.#refuseLate()
    }
    this.#isPressing = false
  }

  #makeRoom(): void {
    const nowMs = this.#clock.monotonicMs()
    const waitingBytes = this.#waiting.reduce((sum, { bytes }) => sum + bytes, 0)
    // At least so much comes back from each that was told to end, with its last piece.
    let missing = this.#used + waitingBytes - this.#bytesMax - this.#ending.size * PIECE_BYTES_MIN
    for (const [stream, sinceMs] of this.#lent) {
      if (missing <= 0 || nowMs - sinceMs < STALLED_MS) break
      missing -= stream.dropAhead()
      this.#lent.delete(stream)
      this.#stalled.set(stream, sinceMs)
    }
    const [first] = this.#waiting
    if (first === undefined || nowMs - first.sinceMs < PATIENCE_MS) return
    for (const [stream, sinceMs] of this.#stalled) {
      if (missing <= 0 || nowMs - sinceMs < ENDED_MS) break
      missing -= PIECE_BYTES_MIN
      this.#stalled.delete(stream)
      this.#ending.add(stream)
      stream.end()
    }
  }

  #refuseLate(): void {
    const beforeMs = this.#clock.monotonicMs() - WAIT_MS_MAX
    for (
      let next = this.#waiting[0];
      next !== undefined && next.sinceMs <= beforeMs;
      next = this.#waiting[0]
    ) {
      this.#waiting.shift()
      next.reject(new QueueFullError('too many read at once'))
    }
  }
}
