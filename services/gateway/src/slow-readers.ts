/**
 * What waits in memory for clients that read a stream. All of it counts against the gateway's budget; when that is used up,
 * the client that has taken nothing for the longest time is ended.
 */
import { type ByteBudget } from './byte-budget.ts'

export class SlowReaders {
  readonly #budget: ByteBudget
  /** How to end each that waits, the idlest first. */
  readonly #ends = new Set<() => void>()

  constructor(budget: ByteBudget) {
    this.#budget = budget
  }

  /** Sends `bytes` and counts them until the client has taken them. `end` is called when it must not wait any longer. */
  async send(bytes: Uint8Array, send: (bytes: Uint8Array) => Promise<void>, end: () => void): Promise<void> {
    const ownEnd = (): void => end()
    this.#budget.change(bytes.byteLength)
    this.#ends.add(ownEnd)
    try {
      const sending = send(bytes)
      if (this.#budget.isExceeded) this.endIdlest()
      await sending
    } finally {
      this.#ends.delete(ownEnd)
      this.#budget.change(-bytes.byteLength)
    }
  }

  /** Whether there was one to end. */
  endIdlest(): boolean {
    const [idlest] = this.#ends
    if (idlest === undefined) return false
    this.#ends.delete(idlest)
    idlest()
    return true
  }
}
