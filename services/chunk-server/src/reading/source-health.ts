/**
 * What reads have shown of each server that holds copies: how long it takes, and whether it keeps others waiting. One that
 * lost several reads in a row to the copy asked after it is asked last for a while, twice as long each time, so that a
 * server or a disk that hangs costs a few reads some milliseconds and not every read.
 */
import { type Avoidance, avoidLonger, type Clock, isAvoided } from '@dfs/core'
import { KIB } from '@dfs/protocol'
import { RecentLatencies } from './hedge-delay.ts'

/** Longer reads are compared with one another only: after many small ones, every whole chunk would seem to hang. */
const SHORT_BYTES_MAX = 256 * KIB
const LOSSES_MAX = 3
const ASKED_LAST = { firstMs: 1000, msMax: 30_000 }

export class SourceHealth {
  readonly #clock: Clock
  readonly #short = new RecentLatencies()
  readonly #long = new RecentLatencies()
  #lossesInRow = 0
  #askedLast: Avoidance | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How long to wait for it before another copy is asked as well, for a read of so many bytes. */
  delayMs(bytes: number): number {
    return this.#latencies(bytes).delayMs
  }

  /** Whether other copies are asked first now. */
  get isAskedLast(): boolean {
    return isAvoided(this.#askedLast, this.#clock.monotonicMs())
  }

  /** It gave an answer after `latencyMs`. */
  noteAnswer(latencyMs: number, bytes: number): void {
    this.#latencies(bytes).note(latencyMs)
    this.#lossesInRow = 0
    this.#askedLast = undefined
  }

  /** It was asked first, and had not answered after `latencyMs` when another copy did. */
  noteLoss(latencyMs: number, bytes: number): void {
    this.#latencies(bytes).note(latencyMs)
    this.#lossesInRow += 1
    if (this.#lossesInRow >= LOSSES_MAX) this.noteFailure()
  }

  /** It gave an error, or nothing at all for as long as anybody waits. */
  noteFailure(): void {
    this.#askedLast = avoidLonger(this.#askedLast, ASKED_LAST, this.#clock.monotonicMs())
  }

  #latencies(bytes: number): RecentLatencies {
    return bytes > SHORT_BYTES_MAX ? this.#long : this.#short
  }
}
