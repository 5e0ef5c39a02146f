/**
 * A prepared INSERT that names its columns, so that a column which a later step of the schema adds with a default changes no
 * statement. The list of columns stands once: the values follow it by name, and a row that lacks one does not compile.
 */
import { type DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

type Columns = readonly string[]

/** What a row of these columns is written from; more members than the columns are not looked at. */
export type RowOf<Names extends Columns> = Readonly<Record<Names[number], SQLInputValue>>

/** Column names as a statement lists them. */
export const listed = (columns: Columns): string => columns.map((name) => `"${name}"`).join(', ')

export class Insert<Names extends Columns> {
  readonly #columns: Names
  readonly #statement: StatementSync

  /** `into` is the statement up to its columns (`INSERT INTO chunks`), `ending` is what follows its values. */
  constructor(database: DatabaseSync, into: string, columns: Names, ending = '') {
    const values = columns.map(() => '?').join(', ')
    this.#columns = columns
    this.#statement = database.prepare(`${into} (${listed(columns)}) VALUES (${values}) ${ending}`)
  }

  run(row: RowOf<Names>): void {
    this.#statement.run(...this.#columns.map((name: Names[number]) => row[name]))
  }
}
