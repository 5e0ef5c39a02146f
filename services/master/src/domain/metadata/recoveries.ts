/** The last new history as the books hold it: one row, and counts of the others. */
import { type Recovery, SALVAGED_KEPT_MAX, type Salvaged } from '../../metadata/recovery-store.ts'
import { type RecoveryRow, type RecoveryRows, type SalvagedRow } from './recovery-rows.ts'

export class Recoveries {
  readonly #rows: RecoveryRows
  #row: RecoveryRow | undefined
  #pending: number
  #salvaged: number

  constructor(rows: RecoveryRows) {
    this.#rows = rows
    this.#row = rows.load()
    this.#pending = rows.pendingCount()
    this.#salvaged = rows.salvagedCount()
  }

  get pendingCount(): number {
    return this.#pending
  }

  get mayDelete(): boolean {
    return this.#row === undefined || this.#row.confirmed_ms !== null
  }

  view(): Recovery | null {
    const row = this.#row
    if (row === undefined) return null
    return {
      begunWallMs: row.begun_ms,
      copyAt: { start: row.copy_start, sequence: row.copy_sequence },
      seenAt: { start: row.seen_start, sequence: row.seen_sequence },
      writes: row.writes,
      pending: this.#pending,
      confirmedWallMs: row.confirmed_ms,
    }
  }

  confirm(wallMs: number): void {
    if (this.#row === undefined) return
    this.#row = { ...this.#row, confirmed_ms: wallMs }
    this.#rows.confirm(wallMs)
  }

  /** A content has got its name, or will get none. */
  settle(content: number, outcome: Salvaged): void {
    this.#rows.removePending(content)
    this.#pending -= 1
    this.#rows.insertSalvaged(rowOf(outcome))
    this.#salvaged += 1
    if (this.#salvaged <= SALVAGED_KEPT_MAX) return
    this.#rows.removeOldestSalvaged(1)
    this.#salvaged -= 1
  }
}

export const salvagedOf = (row: SalvagedRow): Salvaged => ({
  id: row.id,
  path: row.path,
  placed: row.placed,
  size: row.size,
  copies: row.copies,
  gap: row.gap,
  wallMs: row.at_ms,
})

const rowOf = (salvaged: Salvaged): SalvagedRow => ({
  id: salvaged.id,
  path: salvaged.path,
  placed: salvaged.placed,
  size: salvaged.size,
  copies: salvaged.copies,
  gap: salvaged.gap,
  at_ms: salvaged.wallMs,
})
