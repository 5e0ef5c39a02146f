/**
 * How far the metadata is, to be held against what records say that their primaries had seen of it (R6). Whoever has seen
 * more than is in here has seen transactions that are lost.
 */
import { type Witness } from '@dfs/volume'
import { type History } from './metadata.ts'

export class Past {
  readonly #history: History

  constructor(history: History) {
    this.#history = history
  }

  /** Whether the metadata lacks something that a primary had seen. */
  lacks({ counter, nonce, sequence }: Witness): boolean {
    const { now, starts } = this.#history
    if (counter > now.counter) return true
    if (counter === now.counter) return nonce !== now.nonce || sequence > now.sequence
    const start = starts.find((other) => other.counter === counter)
    if (start !== undefined && start.nonce !== nonce) return true
    const next = starts.find((other) => other.counter > counter)
    return next !== undefined && next.sequence < sequence
  }

  /**
   * Whether a record was written before the present history was begun on purpose: what earlier ones had beyond the metadata was
   * given up, and `dfs recover` has named it then.
   */
  isGivenUp(witness: Witness | null): boolean {
    const { begunWith } = this.#history
    if (begunWith === 0) return false
    return witness === null || witness.counter < begunWith
  }
}
