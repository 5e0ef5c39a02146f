/**
 * How far the metadata is, to be held against what records say that their primaries had seen of it (R6). Whoever has seen
 * more than is in here has seen transactions that are lost.
 */
import { type Witness } from '@dfs/volume'
import { type Query, type Row } from './metadata.ts'

interface Start {
  readonly nonce: string
  /** Transactions committed before it. */
  readonly sequence: number
}

export class Past {
  readonly #counter: number
  readonly #nonce: string
  readonly #sequence: number
  readonly #starts: readonly (readonly [number, Start])[]
  /** The start with which the present history began; what earlier ones had beyond the metadata was given up on purpose. */
  readonly #historyCounter: number

  constructor(query: Query) {
    const [state] = query('SELECT epoch, nonce, sequence FROM state')
    this.#counter = numberIn(state, 'epoch')
    this.#nonce = String(state?.['nonce'])
    this.#sequence = numberIn(state, 'sequence')
    // Tables that a database of an earlier program has not.
    const tables = new Set([...query("SELECT name FROM sqlite_schema WHERE type = 'table'")].map(nameIn))
    this.#starts = tables.has('starts')
      ? [...query('SELECT counter, nonce, sequence FROM starts ORDER BY counter')].map((row) => [
          numberIn(row, 'counter'),
          { nonce: String(row['nonce']), sequence: numberIn(row, 'sequence') },
        ])
      : []
    const [history] = tables.has('histories') ? query('SELECT max(counter) AS counter FROM histories') : []
    this.#historyCounter = numberIn(history, 'counter')
  }

  /** Whether the metadata lacks something that a primary had seen. */
  lacks({ counter, nonce, sequence }: Witness): boolean {
    if (counter > this.#counter) return true
    if (counter === this.#counter) return nonce !== this.#nonce || sequence > this.#sequence
    const start = this.#starts.find(([other]) => other === counter)?.[1]
    if (start !== undefined && start.nonce !== nonce) return true
    const next = this.#starts.find(([other]) => other > counter)?.[1]
    return next !== undefined && next.sequence < sequence
  }

  /** Whether a record was written before a new history was begun: `dfs recover` has named it then. */
  isGivenUp(witness: Witness | null): boolean {
    if (this.#historyCounter === 0) return false
    return witness === null || witness.counter < this.#historyCounter
  }
}

const numberIn = (row: Row | undefined, name: string): number => Number(row?.[name] ?? 0)
const nameIn = (row: Row): string => String(row['name'])
