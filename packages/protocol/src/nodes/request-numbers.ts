/**
 * The numbers of a sender's requests to the master's store, and its watermark: below it every request was answered, so its
 * result need not be kept (R15). Numbers begin at 1 with each incarnation and only grow; one is under way from `take` to
 * `release`, however often its request is sent.
 */
import { assert } from '@dfs/core'

export class RequestNumbers {
  /** In the order given out, which is their own. */
  readonly #underWay = new Set<number>()
  #next = 1

  /** A number for one request; it must be released when the request is answered. */
  take(): number {
    const number = this.#next
    this.#next += 1
    this.#underWay.add(number)
    return number
  }

  release(number: number): void {
    assert(this.#underWay.delete(number), 'a request number is released once')
  }

  /** The oldest number under way, or the next one. */
  get watermark(): number {
    const [oldest = this.#next] = this.#underWay
    return oldest
  }
}
