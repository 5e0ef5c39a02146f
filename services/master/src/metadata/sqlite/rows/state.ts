/** The one row of the state, and the starts of the master. */
import { type DatabaseSync } from 'node:sqlite'
import { type StartRow, type StateRow, type StateRows } from '../../../domain/metadata/cluster-rows.ts'
import { Insert, listed } from '../insert.ts'
import { Query } from '../query.ts'

const CHANGING = [
  'epoch',
  'nonce',
  'sequence',
  'files',
  'directories',
  'links',
  'file_bytes',
  'cluster_ms',
  'key_generation',
  'key_generation_since_ms',
  'key_count',
  'feature_level',
] as const satisfies (keyof StateRow)[]
const STATE = ['cluster_id', ...CHANGING] as const
const START = ['counter', 'nonce', 'sequence'] as const satisfies (keyof StartRow)[]

export class SqliteState implements StateRows {
  readonly #load: Query<StateRow>
  readonly #insert: Insert<readonly ['one', ...typeof STATE]>
  readonly #save: Query
  readonly #starts: Query<StartRow>
  readonly #insertStart: Insert<typeof START>
  readonly #history: Query<{ counter: number }>

  constructor(database: DatabaseSync) {
    this.#load = new Query(database, `SELECT ${listed(STATE)} FROM state`)
    this.#insert = new Insert(database, 'INSERT INTO state', ['one', ...STATE])
    this.#save = new Query(database, `UPDATE state SET ${CHANGING.map((name) => `${name} = ?`).join(', ')}`)
    this.#starts = new Query(database, `SELECT ${listed(START)} FROM starts ORDER BY counter`)
    this.#insertStart = new Insert(database, 'INSERT INTO starts', START)
    this.#history = new Query(database, 'SELECT coalesce(max(counter), 0) AS counter FROM histories')
  }

  load(): StateRow | undefined {
    return this.#load.first()
  }

  insert(row: StateRow): void {
    this.#insert.run({ one: 1, ...row })
  }

  save(row: StateRow): void {
    this.#save.run(...CHANGING.map((name) => row[name]))
  }

  loadStarts(): StartRow[] {
    return this.#starts.all()
  }

  insertStart(row: StartRow): void {
    this.#insertStart.run(row)
  }

  loadHistory(): number {
    return this.#history.first()!.counter
  }
}
