/** The end of a snapshot: it comes once, whether it was read to its last byte, disposed of, or given up, and lets go of what it needs. */
import { assert } from '@dfs/core'
import { DfsError } from '@dfs/protocol'

export class SnapshotEnd {
  readonly #needed = new DisposableStack()
  #givenUp: DfsError | null = null

  get hasCome(): boolean {
    return this.#needed.disposed
  }

  /** `letGo` is called when the end comes, the last one first. */
  needs(letGo: () => void): void {
    this.#needed.defer(letGo)
  }

  come(): void {
    this.#needed.dispose()
  }

  giveUp(why: string): void {
    if (this.hasCome) return
    this.#givenUp = new DfsError('UNAVAILABLE', `the snapshot of the metadata was given up: ${why}`)
    this.come()
  }

  /** Throws UNAVAILABLE once it was given up. */
  requireNone(): void {
    if (this.#givenUp !== null) throw this.#givenUp
    assert(!this.hasCome, 'a snapshot is read once, and not after its end')
  }
}
