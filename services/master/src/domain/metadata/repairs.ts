/**
 * The ledger of copies that are made: a row for each, written when it begins and when it ends, never on the way. Those under way are
 * held in memory. The newest are kept.
 */
import { assert } from '@dfs/core'
import { REPAIRS_KEPT_MAX, type Repair } from '../../metadata/repair-store.ts'
import { type RepairRow, type RepairRows } from './cluster-rows.ts'
import { nameOf, REPAIR, REPAIR_CAUSE } from './codes.ts'

/** How it ended. */
export interface Ending {
  readonly state: Exclude<Repair['state'], 'running'>
  /** Times that it failed at a source, as far as they were told. */
  readonly tries?: number
  readonly lastError?: string | null
  readonly wallMs: number
}

export class Repairs {
  readonly #rows: RepairRows
  /** By copy. */
  readonly #running = new Map<number, Repair>()
  #count: number

  constructor(rows: RepairRows) {
    this.#rows = rows
    for (const row of rows.loadRunning()) this.#running.set(row.replica, repairOf(row))
    this.#count = rows.count()
  }

  running(): Repair[] {
    return [...this.#running.values()]
  }

  of(replica: number): Repair | undefined {
    return this.#running.get(replica)
  }

  begin(repair: Omit<Repair, 'state' | 'tries' | 'lastError' | 'endedWallMs'>): void {
    assert(!this.#running.has(repair.replica), `copy ${repair.replica} is made once`)
    const running: Repair = { ...repair, state: 'running', tries: 0, lastError: null, endedWallMs: null }
    this.#running.set(repair.replica, running)
    this.#rows.insert(rowOf(running))
    this.#count += 1
    if (this.#count <= REPAIRS_KEPT_MAX) return
    this.#rows.removeOldest(1)
    this.#count -= 1
  }

  /** A copy that has no row is none of the ledger's. */
  end(replica: number, { state, tries = 0, lastError = null, wallMs }: Ending): void {
    const running = this.#running.get(replica)
    if (running === undefined) return
    this.#running.delete(replica)
    this.#rows.end(rowOf({ ...running, state, tries, lastError, endedWallMs: wallMs }))
  }
}

export const repairOf = (row: RepairRow): Repair => ({
  id: row.id,
  volume: row.volume,
  replica: row.replica,
  cause: nameOf(REPAIR_CAUSE, row.cause),
  source: row.source,
  target: row.target,
  bytes: row.bytes,
  state: nameOf(REPAIR, row.state),
  tries: row.tries,
  lastError: row.last_error,
  begunWallMs: row.begun_ms,
  endedWallMs: row.ended_ms,
})

const rowOf = (repair: Repair): RepairRow => ({
  id: repair.id,
  volume: repair.volume,
  replica: repair.replica,
  cause: REPAIR_CAUSE[repair.cause],
  source: repair.source,
  target: repair.target,
  bytes: repair.bytes,
  state: REPAIR[repair.state],
  tries: repair.tries,
  last_error: repair.lastError,
  begun_ms: repair.begunWallMs,
  ended_ms: repair.endedWallMs,
})
