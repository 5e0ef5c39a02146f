/** The rows of the last new history, and of the contents that it has found. What holds for all rows stands in rows.ts. */

export interface RecoveryRow {
  /** The counter with which it began. */
  readonly history: number
  readonly begun_ms: number
  readonly copy_start: number
  readonly copy_sequence: number
  readonly seen_start: number
  readonly seen_sequence: number
  readonly writes: number
  readonly confirmed_ms: number | null
}

/** A content that has no name yet. Its chunks are in place. */
export interface SalvageRow {
  /** The content. */
  readonly id: number
  readonly path: string
  readonly in_place: number
  readonly size: number
  readonly crc32: number
  readonly copies: number
  readonly zones: number
  /** Volumes, as JSON. */
  readonly volumes: string
  readonly gap: string | null
  readonly request_server: number
  readonly request_incarnation: number
  readonly request_number: number
}

export interface SalvagedRow {
  readonly id: number
  readonly path: string
  readonly placed: string | null
  readonly size: number
  readonly copies: number
  readonly gap: string | null
  readonly at_ms: number
}

export interface RecoveryRows {
  load(): RecoveryRow | undefined
  confirm(wallMs: number): void
  pendingCount(): number
  salvagedCount(): number
  /** The first contents without a name, by id. Nothing in a commit asks for them. */
  pending(countMax: number): SalvageRow[]
  removePending(id: number): void
  insertSalvaged(row: SalvagedRow): void
  removeOldestSalvaged(countMax: number): void
  /** Those below this id, the newest first. Nothing in a commit asks for them. */
  salvaged(before: number, countMax: number): SalvagedRow[]
}
