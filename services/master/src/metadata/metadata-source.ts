/**
 * What the store gives to whoever keeps copies of it elsewhere (docs/adr/0021): what each stretch of transactions changed, and
 * a snapshot of the whole, taken beside the answers.
 */
import { type Epoch } from '@dfs/protocol'

/** Before the first transaction of all: where a store is that holds nothing but its tables. */
export const NOWHERE: Epoch = Object.freeze({ counter: 0, nonce: '0'.repeat(16), sequence: 0 })

/** What the transactions from one position to the next changed. */
export interface ChangeSet {
  /** Where the store was before; the end of the change set before this one. */
  readonly from: Epoch
  readonly to: Epoch
  /** As SQLite's session extension writes it: net changes of rows. */
  readonly bytes: Uint8Array
}

export interface Snapshot extends AsyncDisposable {
  readonly position: Epoch
  /** `PRAGMA user_version`. */
  readonly schema: number
  /** Of the database file. */
  readonly bytesTotal: number
  /**
   * The file's bytes, in order, in pieces of at most 1 MiB, read as they are asked for. Throws UNAVAILABLE if the snapshot was
   * given up, because the log that it holds back became too long, or the store is closed. The snapshot ends with the iteration,
   * or when it is disposed of.
   */
  pieces(): AsyncIterable<Uint8Array>
}

export interface MetadataSource {
  /** `PRAGMA user_version`: change sets belong to it, and none crosses a step of the schema. */
  readonly schema: number
  /**
   * Begins to hand over change sets, one after the other without a gap. To be called once, soon after the store was opened: then
   * the first one begins where the store was before that ({@link NOWHERE} if it is new). Whoever calls late finds that it begins
   * where the store is by then: little is kept for nobody. `onChanges` is called after the commit, on the loop, and keeps what
   * it gets; it may not throw.
   */
  capture(onChanges: (changes: ChangeSet) => void): void
  /** Hands over what is not handed over yet. Afterwards everything up to `position()` is. Throws InvariantError if the store has failed. */
  flush(): void
  /** Where the store is. */
  position(): Epoch
  /**
   * A snapshot of some moment after the call; one at a time, and whoever comes second waits. What was committed before its position
   * has been handed over when this resolves, and a change set ends exactly there. Throws UNAVAILABLE, and the signal's reason.
   * `onMoment` is called at the moment itself, when that change set was handed over and nothing newer: later than that it may
   * have been.
   */
  snapshot(signal: AbortSignal, onMoment?: (position: Epoch) => void): Promise<Snapshot>
  /** Bytes of the database. */
  sizeBytes(): number
}
