/** What the store does about a new history that was begun on purpose: see deciding-store.ts. */
import { DfsError } from '@dfs/protocol'
import {
  type Recovery,
  type RecoveryStore,
  SALVAGED_PAGE_MAX,
  type Salvaged,
} from '../../metadata/recovery-store.ts'
import { type Books } from './books.ts'
import { once } from './reads.ts'
import { salvagedOf } from './recoveries.ts'
import { salvage } from './salvage.ts'
import { type Engine, Unchanged, type Work } from './work.ts'

export interface DecidingRecoveryParts {
  readonly engine: Pick<Engine, 'read'>
  readonly books: Books
  /** One durable transaction. */
  readonly change: <T>(work: Work<T | Unchanged<T>>) => Promise<T>
}

export class DecidingRecovery implements RecoveryStore {
  readonly #engine: DecidingRecoveryParts['engine']
  readonly #books: Books
  readonly #change: DecidingRecoveryParts['change']

  constructor({ engine, books, change }: DecidingRecoveryParts) {
    this.#engine = engine
    this.#books = books
    this.#change = change
  }

  view(): Recovery | null {
    return this.#books.recoveries.view()
  }

  mayDelete(): boolean {
    return this.#books.recoveries.mayDelete
  }

  salvage(countMax: number, nowWallMs: number): Promise<readonly Salvaged[]> {
    return this.#change(salvage(this.#books, countMax, nowWallMs))
  }

  confirm(nowWallMs: number): Promise<void> {
    return this.#change(this.#confirm(nowWallMs))
  }

  async page(before: number, countMax: number): Promise<readonly Salvaged[]> {
    const { recovery } = this.#books.rows
    const page = { before, countMax: Math.min(countMax, SALVAGED_PAGE_MAX) }
    const read = function* (): Work<Salvaged[]> {
      yield () => once({ kind: 'salvaged', ...page })
      return recovery.salvaged(page.before, page.countMax).map(salvagedOf)
    }
    return this.#engine.read(read())
  }

  *#confirm(nowWallMs: number): Work<void | Unchanged<void>> {
    const { recoveries } = this.#books
    yield once
    if (recoveries.mayDelete) return new Unchanged(undefined)
    const { pendingCount } = recoveries
    if (pendingCount > 0) {
      throw new DfsError(
        'UNAVAILABLE',
        `${pendingCount} writes that were found have no name yet: wait until they have, see \`dfs recover --report\``,
      )
    }
    recoveries.confirm(nowWallMs)
  }
}
