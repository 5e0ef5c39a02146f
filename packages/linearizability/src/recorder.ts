/** Writes a history while clients run: in the simulator on virtual time, elsewhere on real time. */
import { assert, type Clock } from '@dfs/core'
import {
  type History,
  type HistoryEntry,
  HistoryError,
  type Operation,
  type Outcome,
  type Unknown,
} from './history.ts'

const ENTRIES_MAX = 1_000_000

/**
 * Within one process the order of events is known even if the clock stands still, as the simulator's does while an event
 * runs. Each moment is therefore at least this much after the one before, so that a read that follows a write is not taken
 * for one that overlaps it.
 */
const TICK_MS = 0.001

const NO_ANSWER: Unknown = Object.freeze({ kind: 'unknown', reason: 'no answer yet' })

/** An operation that was called. */
export interface RecordedCall {
  /**
   * What the answer will be is decided: whatever follows, as the bytes of a read on a slow way, changes nothing of it. So the
   * operation counts as over from here on, whenever it ends.
   */
  decided(): void
  /** Records the answer, exactly once, as soon as it is complete. */
  end(outcome: Outcome): void
}

export interface RecorderOptions {
  /** How many entries are kept; {@link HistoryRecorder.begin} throws beyond. 1,000,000 by default. */
  readonly entriesMax?: number
}

export class HistoryRecorder {
  readonly #clock: Clock
  readonly #entriesMax: number
  readonly #entries: HistoryEntry[] = []
  #lastMs = -Infinity

  constructor(clock: Clock, { entriesMax = ENTRIES_MAX }: RecorderOptions = {}) {
    this.#clock = clock
    this.#entriesMax = entriesMax
  }

  /**
   * Call it before the first byte is sent. An operation that is never ended counts as one of unknown outcome. Throws
   * {@link HistoryError} when the recorder is full.
   */
  begin(client: string, operation: Operation): RecordedCall {
    const index = this.#entries.length
    if (index >= this.#entriesMax) throw new HistoryError(`the recorder is full: ${index} entries`)
    const called = { client, callMs: this.#nowMs(), operation }
    this.#entries.push({ ...called, returnMs: null, outcome: NO_ANSWER })
    let hasEnded = false
    let decidedMs: number | null = null
    return {
      decided: () => {
        decidedMs ??= this.#nowMs()
      },
      end: (outcome) => {
        assert(!hasEnded, 'an operation ends once')
        hasEnded = true
        this.#entries[index] = { ...called, returnMs: decidedMs ?? this.#nowMs(), outcome }
      },
    }
  }

  /** What was recorded up to now, in the order of the calls; a copy that belongs to the caller. */
  history(): History {
    return [...this.#entries]
  }

  #nowMs(): number {
    this.#lastMs = Math.max(this.#clock.monotonicMs(), this.#lastMs + TICK_MS)
    return this.#lastMs
  }
}
