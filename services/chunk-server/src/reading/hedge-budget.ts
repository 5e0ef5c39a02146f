/**
 * How many reads may be made twice: a share of all reads, and some more at once. Servers that are slow because they have
 * too much to do must not get twice as much.
 */
const SHARE = 0.1
const BURST = 20

export class HedgeBudget {
  #left = BURST

  noteRead(): void {
    this.#left = Math.min(BURST, this.#left + SHARE)
  }

  /** Whether one more read may be made twice now; it then counts. */
  take(): boolean {
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
