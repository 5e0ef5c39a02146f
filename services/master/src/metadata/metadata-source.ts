/**
 * What the store gives to whoever keeps copies of it elsewhere (docs/adr/0021): what each stretch of transactions changed, and
 * a snapshot of the whole, taken beside the answers.
 */
import { type Epoch } from '@dfs/protocol'

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
   * given up, because the log that it holds back became too long. The snapshot ends with the iteration, or when it is disposed of.
   */
  pieces(): AsyncIterable<Uint8Array>
}

export interface MetadataSource {
  /**
   * Begins to hand over change sets, one after the other without a gap; those since the store was opened come first. To be
   * called once. `onChanges` is called after the commit, on the loop, and keeps what it gets.
   */
  capture(onChanges: (changes: ChangeSet) => void): void
  /** Hands over what is not handed over yet. Afterwards everything up to `position()` is. */
  flush(): void
  /** Where the store is. */
  position(): Epoch
  /**
   * A snapshot of some moment after the call; one at a time. What was committed before its position has been handed over when this
   * resolves, and a change set ends exactly there. Throws UNAVAILABLE.
   */
  snapshot(signal: AbortSignal): Promise<Snapshot>
  /** Bytes of the database. */
  sizeBytes(): number
}
