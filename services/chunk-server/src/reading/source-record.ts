/**
 * What reads have shown of each server that holds copies: how long it takes, and whether it keeps others waiting. One that
 * lost several reads in a row to the copy asked after it is asked last for a while, twice as long each time, so that a
 * server or a disk that hangs costs a few reads some milliseconds and not every read.
 */
import { type Clock } from '@dfs/core'
import { KIB } from '@dfs/protocol'
import { RecentLatencies } from './hedge-delay.ts'

/** Longer reads are compared with one another only: after many small ones, every whole chunk would seem to hang. */
const SHORT_BYTES_MAX = 256 * KIB
const LOSSES_MAX = 3
const ASKED_LAST_FIRST_MS = 1000
const ASKED_LAST_MOST_MS = 30_000

export class SourceRecord {
  readonly #clock: Clock
  readonly #short = new RecentLatencies()
  readonly #long = new RecentLatencies()
  #lossesInRow = 0
  #askedLastForMs = 0
  #askedLastUntilMs = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How long to wait for it before another copy is asked as well, for a read of so many bytes. */
  delayMs(bytes: number): number {
    return this.#latencies(bytes).delayMs
  }

  /** Whether other copies are asked first now. */
  get isAskedLast(): boolean {
    return this.#askedLastUntilMs > this.#clock.monotonicMs()
  }

  /** It gave an answer after `latencyMs`. */
  noteAnswer(latencyMs: number, bytes: number): void {
    this.#latencies(bytes).note(latencyMs)
    this.#lossesInRow = 0
    this.#askedLastForMs = 0
    this.#askedLastUntilMs = -Infinity
  }

  /** It was asked first, and had not answered after `latencyMs` when another copy did. */
  noteLoss(latencyMs: number, bytes: number): void {
    this.#latencies(bytes).note(latencyMs)
    this.#lossesInRow += 1
    if (this.#lossesInRow >= LOSSES_MAX && !this.isAskedLast) this.#askLast()
  }

  /** It gave an error, or nothing at all for as long as anybody waits. */
  noteFailure(): void {
    if (!this.isAskedLast) this.#askLast()
  }

  #latencies(bytes: number): RecentLatencies {
    return bytes > SHORT_BYTES_MAX ? this.#long : this.#short
  }

  #askLast(): void {
    this.#askedLastForMs = Math.min(
      ASKED_LAST_MOST_MS,
      Math.max(ASKED_LAST_FIRST_MS, 2 * this.#askedLastForMs),
    )
    this.#askedLastUntilMs = this.#clock.monotonicMs() + this.#askedLastForMs
  }
}
