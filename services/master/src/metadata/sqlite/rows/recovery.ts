/** The rows of the last new history, and of the contents that it has found. */
import { type DatabaseSync } from 'node:sqlite'
import {
  type RecoveryRow,
  type RecoveryRows,
  type SalvagedRow,
  type SalvageRow,
} from '../../../domain/metadata/recovery-rows.ts'
import { Insert, listed } from '../insert.ts'
import { Query } from '../query.ts'

const RECOVERY = [
  'history',
  'begun_ms',
  'copy_start',
  'copy_sequence',
  'seen_start',
  'seen_sequence',
  'writes',
  'confirmed_ms',
] as const satisfies (keyof RecoveryRow)[]
const SALVAGE = [
  'id',
  'path',
  'in_place',
  'size',
  'crc32',
  'copies',
  'zones',
  'volumes',
  'gap',
  'request_server',
  'request_incarnation',
  'request_number',
] as const satisfies (keyof SalvageRow)[]
const SALVAGED = [
  'id',
  'path',
  'placed',
  'size',
  'copies',
  'gap',
  'at_ms',
] as const satisfies (keyof SalvagedRow)[]

export class SqliteRecovery implements RecoveryRows {
  readonly #queries: ReturnType<typeof prepare>

  constructor(database: DatabaseSync) {
    this.#queries = prepare(database)
  }

  load(): RecoveryRow | undefined {
    return this.#queries.load.first()
  }

  confirm(wallMs: number): void {
    this.#queries.confirm.run(wallMs)
  }

  pendingCount(): number {
    return this.#queries.pendingCount.first()?.count ?? 0
  }

  salvagedCount(): number {
    return this.#queries.salvagedCount.first()?.count ?? 0
  }

  pending(countMax: number): SalvageRow[] {
    return this.#queries.pending.all(countMax)
  }

  removePending(id: number): void {
    this.#queries.removePending.run(id)
  }

  insertSalvaged(row: SalvagedRow): void {
    this.#queries.insertSalvaged.run(row)
  }

  removeOldestSalvaged(countMax: number): void {
    this.#queries.removeOldestSalvaged.run(countMax)
  }

  salvaged(before: number, countMax: number): SalvagedRow[] {
    return this.#queries.salvaged.all(before, countMax)
  }
}

const prepare = (database: DatabaseSync) => ({
  load: new Query<RecoveryRow>(database, `SELECT ${listed(RECOVERY)} FROM recovery`),
  confirm: new Query(database, 'UPDATE recovery SET confirmed_ms = ?'),
  pendingCount: new Query<{ count: number }>(database, 'SELECT count(*) AS count FROM salvage'),
  salvagedCount: new Query<{ count: number }>(database, 'SELECT count(*) AS count FROM salvaged'),
  pending: new Query<SalvageRow>(database, `SELECT ${listed(SALVAGE)} FROM salvage ORDER BY id LIMIT ? + 0`),
  removePending: new Query(database, 'DELETE FROM salvage WHERE id = ?'),
  insertSalvaged: new Insert(database, 'INSERT INTO salvaged', SALVAGED),
  removeOldestSalvaged: new Query(
    database,
    'DELETE FROM salvaged WHERE id IN (SELECT id FROM salvaged ORDER BY id LIMIT ? + 0)',
  ),
  salvaged: new Query<SalvagedRow>(
    database,
    `SELECT ${listed(SALVAGED)} FROM salvaged WHERE id < ? ORDER BY id DESC LIMIT ? + 0`,
  ),
})
