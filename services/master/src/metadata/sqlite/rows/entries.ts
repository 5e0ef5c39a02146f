/** The rows of directories, and of what left them. */
import { type DatabaseSync } from 'node:sqlite'
import { ENTRY } from '../../../domain/metadata/codes.ts'
import {
  type Entry,
  type EntryRows,
  type ListedRow,
  type PageRows,
  type TrashRow,
  type TrashRows,
} from '../../../domain/metadata/rows.ts'
import { Insert, listed } from '../insert.ts'
import { Query } from '../query.ts'

const COLUMNS = [
  'parent_id',
  'name',
  'kind',
  'id',
  'version',
  'size',
  'target',
  'modified_ms',
  'reach_bytes',
] as const satisfies (keyof Entry)[]
const LISTED = COLUMNS.map((name) => `e.${name}`).join(', ')

export class SqliteEntries implements EntryRows {
  readonly #find: Query<Entry>
  readonly #any: Query<{ name: string }>
  readonly #insert: Insert<typeof COLUMNS>
  readonly #update: Query
  readonly #setReach: Query
  readonly #remove: Query

  constructor(database: DatabaseSync) {
    this.#find = new Query(
      database,
      `SELECT ${listed(COLUMNS)} FROM entries WHERE parent_id = ? AND name = ?`,
    )
    this.#any = new Query(database, 'SELECT name FROM entries WHERE parent_id = ? LIMIT 1')
    this.#insert = new Insert(database, 'INSERT INTO entries', COLUMNS)
    this.#update = new Query(
      database,
      'UPDATE entries SET version = ?, size = ?, target = ?, modified_ms = ? WHERE parent_id = ? AND name = ?',
    )
    this.#setReach = new Query(
      database,
      'UPDATE entries SET reach_bytes = ? WHERE parent_id = ? AND name = ?',
    )
    this.#remove = new Query(database, 'DELETE FROM entries WHERE parent_id = ? AND name = ?')
  }

  find(parent: number, name: string): Entry | undefined {
    return this.#find.first(parent, name)
  }

  isEmpty(directory: number): boolean {
    return this.#any.first(directory) === undefined
  }

  insert(entry: Entry): void {
    this.#insert.run(entry)
  }

  insertMoved(entry: Entry): void {
    this.#insert.run(entry)
  }

  update({ version, size, target, modified_ms, parent_id, name }: Entry): void {
    this.#update.run(version, size, target, modified_ms, parent_id, name)
  }

  setReach(parent: number, name: string, bytes: number): void {
    this.#setReach.run(bytes, parent, name)
  }

  remove({ parent_id, name }: Entry): void {
    this.#remove.run(parent_id, name)
  }
}

export class SqlitePages implements PageRows {
  readonly #listed: Query<ListedRow>
  readonly #bare: Query<Entry>

  constructor(database: DatabaseSync) {
    this.#listed = new Query(
      database,
      `SELECT ${LISTED}, v.content_type, v.executable FROM entries e
       LEFT JOIN versions v ON e.kind = ${ENTRY.file} AND v.file_id = e.id AND v.id = e.version
       WHERE e.parent_id = ? AND e.name > ? ORDER BY e.name LIMIT ? + 0`,
    )
    this.#bare = new Query(
      database,
      `SELECT ${listed(COLUMNS)} FROM entries WHERE parent_id = ? AND name > ? ORDER BY name LIMIT ? + 0`,
    )
  }

  listed(directory: number, after: string, countMax: number): ListedRow[] {
    return this.#listed.all(directory, after, countMax)
  }

  bare(directory: number, after: string, countMax: number): Entry[] {
    return this.#bare.all(directory, after, countMax)
  }
}

const TRASH = [
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
] as const satisfies (keyof TrashRow)[]

export class SqliteTrash implements TrashRows {
  readonly #insert: Insert<typeof TRASH>
  readonly #uncounted: Query<{ operation: number; id: number }>
  readonly #setCounted: Query

  constructor(database: DatabaseSync) {
    this.#insert = new Insert(database, 'INSERT INTO trash', TRASH)
    this.#uncounted = new Query(
      database,
      `SELECT operation, id FROM trash WHERE is_counted = 0 AND kind = ${ENTRY.directory} ORDER BY operation LIMIT 1`,
    )
    this.#setCounted = new Query(database, 'UPDATE trash SET is_counted = 1 WHERE operation = ?')
  }

  insert(row: TrashRow): void {
    this.#insert.run(row)
  }

  firstUncounted(): { operation: number; id: number } | undefined {
    return this.#uncounted.first()
  }

  setCounted(operation: number): void {
    this.#setCounted.run(operation)
  }
}
