/** The rows of servers that hold copies of the metadata. */
import { type DatabaseSync } from 'node:sqlite'
import { type HolderRow, type HolderRows } from '../../../domain/metadata/cluster-rows.ts'
import { Insert, listed } from '../insert.ts'
import { Query } from '../query.ts'

const HOLDER = ['server', 'counts', 'will_count'] as const satisfies (keyof HolderRow)[]

export class SqliteHolders implements HolderRows {
  readonly #load: Query<HolderRow>
  readonly #put: Insert<typeof HOLDER>
  readonly #remove: Query

  constructor(database: DatabaseSync) {
    this.#load = new Query(database, `SELECT ${listed(HOLDER)} FROM metadata_holders ORDER BY server`)
    this.#put = new Insert(database, 'INSERT OR REPLACE INTO metadata_holders', HOLDER)
    this.#remove = new Query(database, 'DELETE FROM metadata_holders WHERE server = ?')
  }

  load(): HolderRow[] {
    return this.#load.all()
  }

  put(row: HolderRow): void {
    this.#put.run(row)
  }

  remove(server: number): void {
    this.#remove.run(server)
  }
}
