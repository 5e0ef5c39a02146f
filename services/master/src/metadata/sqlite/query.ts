/**
 * A prepared statement that knows what its rows look like.
 *
 * A bare parameter as limit (`LIMIT ?`) makes SQLite prepare the statement again at each call, because its planner looks
 * at the value: ten times the cost of a point read. `LIMIT ? + 0` hides the value from it.
 */
import { type DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

export class Query<Row = never> {
  readonly #statement: StatementSync

  constructor(database: DatabaseSync, sql: string) {
    this.#statement = database.prepare(sql)
  }

  first(...values: SQLInputValue[]): Row | undefined {
    return this.#statement.get(...values) as Row | undefined
  }

  all(...values: SQLInputValue[]): Row[] {
    return this.#statement.all(...values) as Row[]
  }

  /** One row after the other; nothing else may be asked of this statement meanwhile. */
  each(...values: SQLInputValue[]): IterableIterator<Row> {
    return this.#statement.iterate(...values) as unknown as IterableIterator<Row>
  }

  /** For changes; the number of rows changed. */
  change(...values: SQLInputValue[]): number {
    return Number(this.#statement.run(...values).changes)
  }

  /** For changes. */
  run(...values: SQLInputValue[]): void {
    this.#statement.run(...values)
  }
}

/** What a pragma says that says one number. */
export function numberOf(
  database: DatabaseSync,
  pragma: 'page_count' | 'page_size' | 'user_version',
): number {
  return Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma])
}
