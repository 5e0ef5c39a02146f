/**
 * What clients of the file system did and what they were told: the input of the checker. It is plain data, so that the
 * simulator, the integration tests and the benchmark can all write it, and a failing history can be kept as a file.
 *
 * A history starts with no file under any of its names, and nobody else changes these names while it is recorded.
 * Directories as such are not modelled: a name is a whole path, and a rename moves one file.
 */

/** A write of a new version. `value` is unique in the history; readers recognise the version by it. */
export interface CreateOperation {
  readonly kind: 'create'
  readonly name: string
  readonly value: string
}

export interface PutOperation {
  readonly kind: 'put'
  readonly name: string
  readonly value: string
  /** An entity tag that some answer of this history gave, or `*` for any; not together with `ifNoneMatch`. */
  readonly ifMatch?: string
  readonly ifNoneMatch?: '*'
}

export interface ReadOperation {
  readonly kind: 'read'
  readonly name: string
}

export interface DeleteOperation {
  readonly kind: 'delete'
  readonly name: string
  readonly ifMatch?: string
}

/** Moves the file at `from` to `to`, where it replaces what is there. */
export interface RenameOperation {
  readonly kind: 'rename'
  readonly from: string
  readonly to: string
}

/** Lists the names that start with `prefix`, however many pages that takes. */
export interface ListOperation {
  readonly kind: 'list'
  readonly prefix: string
}

export type Operation =
  | CreateOperation
  | PutOperation
  | ReadOperation
  | DeleteOperation
  | RenameOperation
  | ListOperation

/**
 * A definite answer. Statuses by kind of operation:
 * - create: 201; 409 as the file exists.
 * - put: 201 created, 200 replaced, 204 written if the recorder cannot tell which; 412 as the precondition does not
 *   hold; 409 as the file exists (with `ifNoneMatch`).
 * - read: 200 with `value` or `etag` or both; 404.
 * - delete: 200 or 204; 404; 412 as the precondition does not hold.
 * - rename: 200, 201 or 204; 404 as there is no file at `from`.
 * - list: 200 with `names`.
 */
export interface Answered {
  readonly kind: 'answered'
  readonly status: number
  /** The version's entity tag: of what was written, or of what was read. */
  readonly etag?: string
  /** What a read found; left out if the content does not tell (an empty file), the entity tag then stands for it. */
  readonly value?: string
  readonly names?: readonly string[]
}

/** An error that promises: nothing happened, nothing will. Says nothing about the state (no space, locked, invalid). */
export interface Refused {
  readonly kind: 'refused'
  readonly reason: string
}

/** A timeout, a lost connection, an error that promises nothing: the effect comes at any time after the call, or never. */
export interface Unknown {
  readonly kind: 'unknown'
  readonly reason: string
}

export type Outcome = Answered | Refused | Unknown

export interface HistoryEntry {
  /** Who called: a label for people. Order follows from the times alone. */
  readonly client: string
  /** Milliseconds on one monotonic clock; taken before the first byte was sent. */
  readonly callMs: number
  /** Taken after the last byte of the answer came; null if none came. Equal times count as overlapping. */
  readonly returnMs: number | null
  readonly operation: Operation
  readonly outcome: Outcome
}

/** In any order. */
export type History = readonly HistoryEntry[]

/** A history that contradicts the rules above: a mistake of its recorder, not of the system under test. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError'
}
