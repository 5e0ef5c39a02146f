/** What was copied from other servers, and by them from here, since the start, noted as it happens; metrics.ts shows it. */
import { type Clock, RateMeter } from '@dfs/core'

export class CopyFigures {
  readonly #rate: RateMeter
  /** Right bytes that came from others and were written here. */
  bytes = 0
  /** Records that a source had wrong. */
  damagedRecords = 0
  /** Bytes that others have read here for copies of theirs, be they of use to them or not. */
  givenBytes = 0

  constructor(clock: Clock) {
    this.#rate = new RateMeter(clock)
  }

  /** Of about the last minute. */
  get perSecond(): number {
    return this.#rate.perSecond
  }

  noteCopied(bytes: number): void {
    this.bytes += bytes
    this.#rate.add(bytes)
  }

  noteGiven(bytes: number): void {
    this.givenBytes += bytes
  }
}
