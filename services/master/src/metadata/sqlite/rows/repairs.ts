/** The rows of copies that were to be made. */
import { type DatabaseSync } from 'node:sqlite'
import { type RepairRow, type RepairRows } from '../../../domain/metadata/cluster-rows.ts'
import { REPAIR } from '../../../domain/metadata/codes.ts'
import { Insert, listed } from '../insert.ts'
import { Query } from '../query.ts'

const REPAIR_COLUMNS = [
  'id',
  'volume',
  'replica',
  'cause',
  'source',
  'target',
  'bytes',
  'state',
  'tries',
  'last_error',
  'begun_ms',
  'ended_ms',
] as const satisfies (keyof RepairRow)[]

export class SqliteRepairs implements RepairRows {
  readonly #queries: ReturnType<typeof prepare>

  constructor(database: DatabaseSync) {
    this.#queries = prepare(database)
  }

  loadRunning(): RepairRow[] {
    return this.#queries.running.all(REPAIR.running)
  }

  count(): number {
    return this.#queries.count.first()?.count ?? 0
  }

  insert(row: RepairRow): void {
    this.#queries.insert.run(row)
  }

  end({ id, state, tries, last_error, ended_ms }: RepairRow): void {
    this.#queries.end.run(state, tries, last_error, ended_ms, id)
  }

  removeOldest(countMax: number): void {
    this.#queries.removeOldest.run(REPAIR.running, countMax)
  }

  page(before: number, countMax: number): RepairRow[] {
    return this.#queries.page.all(before, countMax)
  }
}

const prepare = (database: DatabaseSync) => ({
  running: new Query<RepairRow>(
    database,
    `SELECT ${listed(REPAIR_COLUMNS)} FROM repairs WHERE state = ? ORDER BY id`,
  ),
  count: new Query<{ count: number }>(database, 'SELECT count(*) AS count FROM repairs'),
  insert: new Insert(database, 'INSERT INTO repairs', REPAIR_COLUMNS),
  end: new Query(
    database,
    'UPDATE repairs SET state = ?, tries = ?, last_error = ?, ended_ms = ? WHERE id = ?',
  ),
  removeOldest: new Query(
    database,
    'DELETE FROM repairs WHERE id IN (SELECT id FROM repairs WHERE state <> ? ORDER BY id LIMIT ? + 0)',
  ),
  page: new Query<RepairRow>(
    database,
    `SELECT ${listed(REPAIR_COLUMNS)} FROM repairs WHERE id < ? ORDER BY id DESC LIMIT ? + 0`,
  ),
})
