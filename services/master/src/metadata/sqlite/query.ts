/** A prepared statement that knows what its rows look like. */
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

  /** For changes. */
  run(...values: SQLInputValue[]): void {
    this.#statement.run(...values)
  }
}
