/**
 * What waits until copies of the metadata have it, where `DFS_METADATA_ACK` asks for that: results and look-ups leave only when most
 * of the holders have synced all that they rest on. Commits go on meanwhile. Bounded in number, before anything is changed, and in time.
 */
import { type Clock, Deadlines } from '@dfs/core'
import { DfsError } from '@dfs/protocol'

/** Beyond it nothing more is begun. */
const WAITING_MAX = 16_384
/** Whoever has asked has given up by then. */
const WAIT_MS = 20_000

interface Waiting {
  readonly sequence: number
  readonly resolve: () => void
}

export class AckGate {
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #waiting = new Set<Waiting>()
  #placed = -1

  constructor(clock: Clock) {
    this.#clock = clock
    this.#deadlines = new Deadlines(clock)
  }

  /** Throws TOO_BUSY. */
  requireRoom(): void {
    if (this.#waiting.size >= WAITING_MAX)
      throw new DfsError('TOO_BUSY', 'too much waits for the copies of the metadata')
  }

  /** Resolves when copies have the transaction. Throws TIMEOUT_ERROR: it is made, and may be lost with the master's disk. */
  async passed(sequence: number): Promise<void> {
    if (sequence <= this.#placed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = { sequence, resolve }
    this.#waiting.add(waiting)
    try {
      const late = (): Error =>
        new DfsError('TIMEOUT_ERROR', 'the copies of the metadata did not confirm it in time')
      await this.#deadlines.within(this.#clock.monotonicMs() + WAIT_MS, promise, late)
    } finally {
      this.#waiting.delete(waiting)
    }
  }

  /** Most of the holders have all up to a transaction. It may be less than before: others may count now. */
  note(placed: number): void {
    this.#placed = placed
    for (const waiting of this.#waiting) {
      if (waiting.sequence > placed) continue
      this.#waiting.delete(waiting)
      waiting.resolve()
    }
  }
}
