/**
 * The memory of short bodies. They need no permit, as most of them come at once; but thousands of clients that send almost all of
 * theirs and pause would fill the memory. So their bytes are counted as they come, until the write is answered, and
 * if they are too many, the body goes whose client has kept it waiting for longest. If no client is slow, the server
 * itself has too much to do: then the body goes that has brought the bytes.
 *
 * Refused: room for the announced size (whoever sends nothing would take it), and bodies that wait for room (their bytes come all
 * the same, up to the reader's high-water mark, which no short body reaches).
 */
import { assert, type Clock } from '@dfs/core'
import { BodyPace, type BodySource, DfsError } from '@dfs/protocol'

/** A client that keeps its body waiting for longer may lose it to others: an honest one sends a short body in one go. */
const SLOW_MS = 1000

export interface ShortBody extends BodySource {
  /** Its bytes are counted no more, and neither are those that come after. Idempotent. */
  release(): void
}

interface Held {
  readonly pace: BodyPace
  bytes: number
  /** Fails the piece that is waited for. */
  giveUp: (error: Error) => void
}

export class ShortBodies {
  readonly #clock: Clock
  readonly #bytesMax: number
  readonly #held = new Set<Held>()
  #bytes = 0

  constructor(clock: Clock, bytesMax: number) {
    assert(bytesMax > 0, 'some bytes fit')
    this.#clock = clock
    this.#bytesMax = bytesMax
  }

  /** The same body, counted until it is released. It fails with TOO_BUSY, once, if others need its memory. */
  hold(source: BodySource): ShortBody {
    const held: Held = { pace: new BodyPace(this.#clock), bytes: 0, giveUp: () => {} }
    this.#held.add(held)
    return {
      next: () => (this.#held.has(held) ? this.#next(source, held) : source.next()),
      release: () => this.#release(held),
    }
  }

  #next(source: BodySource, held: Held): Promise<Uint8Array | null> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | null>()
    held.giveUp = reject
    held.pace.noteAsked()
    source.next().then((piece) => {
      held.pace.noteCame(piece)
      if (piece === null || this.#take(held, piece.byteLength)) resolve(piece)
      else reject(new DfsError('TOO_BUSY', 'no memory for the body'))
    }, reject)
    return promise
  }

  /** Counts bytes that have come; false, and the body released, if they do not fit, or it was given up before. */
  #take(held: Held, bytes: number): boolean {
    if (!this.#held.has(held)) return false
    held.bytes += bytes
    this.#bytes += bytes
    while (this.#bytes > this.#bytesMax && this.#held.has(held)) {
      const slowest = this.#slowest()
      this.#release(slowest ?? held)
      slowest?.giveUp(new DfsError('TOO_BUSY', 'others needed the memory of a body that came slowly'))
    }
    return this.#held.has(held)
  }

  /** The body whose client has kept it waiting for longest, if that is long. One without bytes would give nothing. */
  #slowest(): Held | null {
    let [slowest, longestMs]: [Held | null, number] = [null, SLOW_MS]
    for (const held of this.#held) {
      if (held.bytes === 0 || !held.pace.isAwaited || held.pace.owedMs < longestMs) continue
      slowest = held
      longestMs = held.pace.owedMs
    }
    return slowest
  }

  #release(held: Held): void {
    if (!this.#held.delete(held)) return
    this.#bytes -= held.bytes
    assert(this.#bytes >= 0, 'more was given back than taken')
  }
}
