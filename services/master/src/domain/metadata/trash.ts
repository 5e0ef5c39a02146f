/** What is deleted or replaced goes to the trash, whole. */
import { type Entry, type TrashRow } from './rows.ts'

export interface Trashing {
  readonly operation: number
  /** One of TRASHED. */
  readonly reason: number
  /** The path at which it stood. */
  readonly path: string
  readonly entry: Entry
  readonly nowWallMs: number
  /** False for a directory that is not empty: what it holds is still in the totals. */
  readonly isCounted: boolean
}

export function trashRowOf({ operation, reason, path, entry, nowWallMs, isCounted }: Trashing): TrashRow {
  const { reach_bytes: _reach, ...what } = entry
  return { ...what, operation, reason, path, trashed_ms: nowWallMs, is_counted: isCounted ? 1 : 0 }
}
