/** What was deleted or replaced, whole: a directory takes its subtree along, since its entries name it as their parent. */
import { type DatabaseSync } from 'node:sqlite'
import { ENTRY } from './codes.ts'
import { type Entry } from './entries.ts'
import { Insert } from './insert.ts'
import { Query } from './query.ts'

export interface Trashing {
  readonly operation: number
  /** One of TRASHED. */
  readonly reason: number
  /** The path at which it stood. */
  readonly path: string
  readonly entry: Entry
  readonly nowWallMs: number
  /** False for a directory that is not empty: what it holds is still in the totals. */
  readonly isCounted: boolean
}

const COLUMNS = [
  'operation',
  'reason',
  'path',
  'parent_id',
  'name',
  'kind',
  'id',
  'version',
  'size',
  'target',
  'modified_ms',
  'trashed_ms',
  'is_counted',
] as const

export class Trash {
  readonly #insert: Insert<typeof COLUMNS>
  readonly #uncounted: Query<{ operation: number; id: number }>
  readonly #setCounted: Query

  constructor(database: DatabaseSync) {
    this.#insert = new Insert(database, 'INSERT INTO trash', COLUMNS)
    this.#uncounted = new Query(
      database,
      `SELECT operation, id FROM trash WHERE is_counted = 0 AND kind = ${ENTRY.directory} ORDER BY operation LIMIT 1`,
    )
    this.#setCounted = new Query(database, 'UPDATE trash SET is_counted = 1 WHERE operation = ?')
  }

  put({ operation, reason, path, entry, nowWallMs, isCounted }: Trashing): void {
    const how = { operation, reason, path, trashed_ms: nowWallMs, is_counted: isCounted ? 1 : 0 }
    this.#insert.run({ ...entry, ...how })
  }

  /** The deleted directory that waits for longest to be counted. */
  firstUncounted(): { operation: number; id: number } | undefined {
    return this.#uncounted.first()
  }

  setCounted(operation: number): void {
    this.#setCounted.run(operation)
  }
}
