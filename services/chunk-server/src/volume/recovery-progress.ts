/** What a start says of finding its copies: nothing if that is quick, a line a second if it is not, and a sum. */
import { type Clock, type Log } from '@dfs/core'

const SAY_EVERY_MS = 1000
const MIB = 1024 * 1024

export interface RecoveryProgressOptions {
  readonly clock: Clock
  readonly log: Log
  /** How many copies there are. */
  readonly copies: number
}

export class RecoveryProgress {
  readonly #options: RecoveryProgressOptions
  readonly #startedMs: number
  #saidMs: number
  #found = 0
  #readBytes = 0

  constructor(options: RecoveryProgressOptions) {
    this.#options = options
    this.#startedMs = options.clock.monotonicMs()
    this.#saidMs = this.#startedMs
  }

  /** So much of a log was read to see where its valid records end. */
  noteRead(bytes: number): void {
    this.#readBytes += bytes
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs - this.#saidMs < SAY_EVERY_MS) return
    this.#saidMs = nowMs
    this.#options.log.info(this.#numbers(nowMs), 'recovering copies of volumes')
  }

  noteFound(): void {
    this.#found += 1
  }

  /** All were found, or given up. */
  end(): void {
    const { clock, copies, log } = this.#options
    if (copies > 0) log.info(this.#numbers(clock.monotonicMs()), 'copies of volumes recovered')
  }

  #numbers(nowMs: number): Record<string, number> {
    const elapsedMs = nowMs - this.#startedMs
    return {
      copies: this.#options.copies,
      found: this.#found,
      readMib: Math.round(this.#readBytes / MIB),
      mibPerSecond: elapsedMs > 0 ? Math.round((this.#readBytes / MIB / elapsedMs) * 1000) : 0,
      ms: Math.round(elapsedMs),
    }
  }
}
