/**
 * The memory that all connections may hold together. Each is bounded for itself, but ten thousand of them at their
 * bounds would be more than a machine has.
 */
import { assert } from '@dfs/core'

export class ByteBudget {
  readonly #bytesMax: number
  #usedBytes = 0

  constructor(bytesMax: number) {
    assert(bytesMax > 0, 'a budget needs room')
    this.#bytesMax = bytesMax
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  get isExceeded(): boolean {
    return this.#usedBytes > this.#bytesMax
  }

  /** Counts bytes that are held already, or, negative, that were let go. It may exceed the budget: see `isExceeded`. */
  change(bytes: number): void {
    this.#usedBytes += bytes
    assert(this.#usedBytes >= 0, 'more was given back than taken')
  }

  /** Takes `bytes` before they are held; false, and nothing taken, if they do not fit. */
  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#bytesMax) return false
    this.#usedBytes += bytes
    return true
  }
}
