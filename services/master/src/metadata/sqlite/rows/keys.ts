/** The rows of idempotency keys. */
import { type DatabaseSync } from 'node:sqlite'
import { type KeyRow, type KeyRows } from '../../../domain/metadata/rows.ts'
import { Insert, listed } from '../insert.ts'
import { Query } from '../query.ts'

const KEY = [
  'generation',
  'key',
  'fingerprint',
  'kept_since_ms',
  'result',
] as const satisfies (keyof KeyRow)[]

export class SqliteKeys implements KeyRows {
  readonly #find: Query<KeyRow>
  readonly #insert: Insert<typeof KEY>
  readonly #remove: Query

  constructor(database: DatabaseSync) {
    this.#find = new Query(
      database,
      `SELECT ${listed(KEY)} FROM idempotency_keys WHERE generation = ? AND key = ?`,
    )
    this.#insert = new Insert(database, 'INSERT INTO idempotency_keys', KEY)
    this.#remove = new Query(
      database,
      `DELETE FROM idempotency_keys WHERE (generation, key) IN (
         SELECT generation, key FROM idempotency_keys WHERE generation < ?
         ORDER BY generation, key LIMIT ? + 0)`,
    )
  }

  find(generation: number, key: string): KeyRow | undefined {
    return this.#find.first(generation, key)
  }

  insert(row: KeyRow): void {
    this.#insert.run(row)
  }

  removeBelow(generation: number, countMax: number): number {
    return this.#remove.change(generation, countMax)
  }
}
