/**
 * Failures of single entries: each is reported when it happens, and the others go on. What makes going on pointless, an
 * unreachable cluster or Ctrl-C, ends the run instead.
 */
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { type Output } from './output.ts'

export class Tally {
  readonly #output: Output
  readonly #signal: AbortSignal
  #failures = 0

  constructor(output: Output, signal: AbortSignal) {
    this.#output = output
    this.#signal = signal
  }

  /** An entry was left out. */
  skip(subject: string, reason: unknown): void {
    this.#failures += 1
    this.#output.failure(subject, reason)
  }

  /** Runs the work for one entry. Rejects only if the whole run must end. */
  async attempt(subject: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (this.#signal.aborted || exitCodeOf(error) === EXIT.unreachable) throw error
      this.#failures += 1
      this.#output.failure(subject, error)
    }
  }

  get exitCode(): number {
    return this.#failures === 0 ? EXIT.ok : EXIT.failed
  }
}
