/**
 * Every start of the master on this database, with the transactions that it began with. What a server has seen of an
 * earlier start must be in here, whatever was committed since: a database that was restored from a backup catches up with
 * the number of transactions sooner or later, and starts again, but it never gets the transactions that it lacks (R6).
 * The exception is what an operator has given up by beginning a new history: it counts as if it were here.
 */
import { type DatabaseSync } from 'node:sqlite'
import { type Epoch } from '@dfs/protocol'
import { Insert } from './insert.ts'
import { Query } from './query.ts'

interface StartRow {
  readonly nonce: string
  /** Transactions committed before it. */
  readonly sequence: number
}

const COLUMNS = ['counter', 'nonce', 'sequence'] as const

export class Starts {
  readonly #add: Insert<typeof COLUMNS>
  readonly #at: Query<StartRow>
  readonly #after: Query<StartRow>
  readonly #givenUpBefore: number

  constructor(database: DatabaseSync) {
    this.#add = new Insert(database, 'INSERT INTO starts', COLUMNS)
    const histories = 'SELECT coalesce(max(counter), 0) AS counter FROM histories'
    this.#givenUpBefore = new Query<{ counter: number }>(database, histories).first()!.counter
    this.#at = new Query(database, 'SELECT nonce, sequence FROM starts WHERE counter = ?')
    this.#after = new Query(
      database,
      'SELECT nonce, sequence FROM starts WHERE counter > ? ORDER BY counter LIMIT 1',
    )
  }

  /** `sequence` is that of the start's beginning. */
  add({ counter, nonce, sequence }: Epoch): void {
    this.#add.run({ counter, nonce, sequence })
  }

  /** Whether everything that was seen is in this database; `counter` is the present start's. Starts before this table count by what followed them. */
  include(seen: Epoch, counter: number): boolean {
    if (seen.counter < this.#givenUpBefore) return true
    const start = this.#at.first(seen.counter)
    if (start !== undefined && start.nonce !== seen.nonce) return false
    if (seen.counter === counter) return true
    const next = this.#after.first(seen.counter)
    return next !== undefined && next.sequence >= seen.sequence
  }
}
