/** Short words to write histories by hand. */
import { type Answered, type HistoryEntry, type Operation, type Outcome } from '../src/index.ts'

export const create = (name: string, value: string): Operation => ({ kind: 'create', name, value })
export const put = (name: string, value: string, ifMatch?: string): Operation =>
  ifMatch === undefined ? { kind: 'put', name, value } : { kind: 'put', name, value, ifMatch }
export const putNew = (name: string, value: string): Operation => ({
  kind: 'put',
  name,
  value,
  ifNoneMatch: '*',
})
export const read = (name: string): Operation => ({ kind: 'read', name })
export const remove = (name: string, ifMatch?: string): Operation =>
  ifMatch === undefined ? { kind: 'delete', name } : { kind: 'delete', name, ifMatch }
export const rename = (from: string, to: string): Operation => ({ kind: 'rename', from, to })
export const list = (prefix: string): Operation => ({ kind: 'list', prefix })

export const ok = (status: number, more: Omit<Answered, 'kind' | 'status'> = {}): Answered => ({
  kind: 'answered',
  status,
  ...more,
})
export const found = (value: string): Answered => ok(200, { value })
export const names = (...listed: string[]): Answered => ok(200, { names: listed })
export const timeout: Outcome = { kind: 'unknown', reason: 'timeout' }
export const refused: Outcome = { kind: 'refused', reason: 'no space' }

/** Call time, return time or null, operation, outcome. */
export type Row = readonly [number, number | null, Operation, Outcome]

/** Each row belongs to a client of its own. */
export const historyOf = (...rows: readonly Row[]): HistoryEntry[] =>
  rows.map(([callMs, returnMs, operation, outcome], index) => ({
    client: `c${index}`,
    callMs,
    returnMs,
    operation,
    outcome,
  }))
