/**
 * Every start of the master on this store, with the transactions that it began with. What a server has seen of an
 * earlier start must be in here, whatever was committed since: a database that was restored from a backup catches up with
 * the number of transactions sooner or later, and starts again, but it never gets the transactions that it lacks (R6).
 * The exception is what an operator has given up by beginning a new history: it counts as if it were here.
 */
import { type Epoch } from '@dfs/protocol'
import { type StartRow, type StateRows } from './cluster-rows.ts'

export class Starts {
  readonly #rows: StateRows
  /** In order of their counters. */
  readonly #starts: StartRow[]
  /** The counter with which the last new history began; 0 if there is none. What was seen of starts before it is given up. */
  readonly historyCounter: number

  constructor(rows: StateRows) {
    this.#rows = rows
    this.#starts = rows.loadStarts()
    this.historyCounter = rows.loadHistory()
  }

  /** `sequence` is that of the start's beginning. Its counter is above all others. */
  add({ counter, nonce, sequence }: Epoch): void {
    const row = { counter, nonce, sequence }
    this.#rows.insertStart(row)
    this.#starts.push(row)
  }

  /** Whether everything that was seen is in this store; `counter` is the present start's. Starts before this table count by what followed them. */
  include(seen: Epoch, counter: number): boolean {
    if (seen.counter < this.historyCounter) return true
    const start = this.#starts.find((each) => each.counter === seen.counter)
    if (start !== undefined && start.nonce !== seen.nonce) return false
    if (seen.counter === counter) return true
    const next = this.#starts.find((each) => each.counter > seen.counter)
    return next !== undefined && next.sequence >= seen.sequence
  }
}
