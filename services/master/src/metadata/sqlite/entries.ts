/** The rows of directories: what stands under a name in a directory. Names compare as UTF-8 bytes. */
import { type DatabaseSync } from 'node:sqlite'
import { ENTRY } from './codes.ts'
import { Insert, listed } from './insert.ts'
import { Query } from './query.ts'

export interface Entry {
  readonly parent_id: number
  readonly name: string
  readonly kind: number
  /** Of the file or directory; of a link its version. It stays the same for ever, wherever the entry moves. */
  readonly id: number
  /** The current version of a file or link; of a directory the operation that made it. */
  readonly version: number
  /** Bytes of a file's current version; 0 otherwise. */
  readonly size: number
  readonly target: string | null
  readonly modified_ms: number
  /** Of a directory, how long the paths below it are at most; of others it says nothing. */
  readonly reach_bytes: number
}

export interface ListedRow extends Entry {
  readonly content_type: string | null
  readonly executable: number | null
}

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

export class Entries {
  readonly #find: Query<Entry>
  readonly #any: Query<{ name: string }>
  readonly #insert: Insert<typeof COLUMNS>
  readonly #update: Query
  readonly #setReach: Query
  readonly #remove: Query
  readonly #page: Query<ListedRow>
  readonly #bare: Query<Entry>

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
    this.#page = new Query(
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

  find(parent: number, name: string): Entry | undefined {
    return this.#find.first(parent, name)
  }

  isEmpty(directory: number): boolean {
    return this.#any.first(directory) === undefined
  }

  insert(entry: Entry): void {
    this.#insert.run(entry)
  }

  /** Writes version, size, target and time of an entry that exists. */
  update({ version, size, target, modified_ms, parent_id, name }: Entry): void {
    this.#update.run(version, size, target, modified_ms, parent_id, name)
  }

  setReach(parent: number, name: string, bytes: number): void {
    this.#setReach.run(bytes, parent, name)
  }

  remove({ parent_id, name }: Entry): void {
    this.#remove.run(parent_id, name)
  }

  /** Entries of a directory with names above `after`, in order, with what a listing shows of them. */
  page(directory: number, after: string, countMax: number): ListedRow[] {
    return this.#page.all(directory, after, countMax)
  }

  /** The same without attributes. */
  barePage(directory: number, after: string, countMax: number): Entry[] {
    return this.#bare.all(directory, after, countMax)
  }
}
