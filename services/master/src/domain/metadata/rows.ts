/**
 * The rows of the metadata: all that an engine has to have, and nothing of what they mean. The engine reads and writes them,
 * by keys, within its own transactions; whatever is decided about them is decided here, once for all engines.
 *
 * A row has the columns of its table under their names (metadata/sqlite/schema.ts), and an engine hands over what it was given.
 * Everything is synchronous. An engine behind a network has fetched by then what is read: what is loaded, before the books
 * are opened (books.ts); what is found by key, once it was named (reads.ts). A row that is written is found from then on.
 *
 * A failure is an InvariantError of the engine's: nobody here catches it, and the transaction under way is lost (store.ts).
 */
import {
  type GrantRows,
  type HolderRows,
  type RepairRows,
  type SenderRows,
  type ServerRows,
  type StateRows,
  type VolumeRows,
} from './cluster-rows.ts'
import { type RecoveryRows } from './recovery-rows.ts'

/** All of it. */
export interface Rows {
  readonly state: StateRows
  readonly servers: ServerRows
  readonly holders: HolderRows
  readonly senders: SenderRows
  readonly grants: GrantRows
  readonly volumes: VolumeRows
  readonly repairs: RepairRows
  readonly recovery: RecoveryRows
  readonly entries: EntryRows
  readonly pages: PageRows
  readonly trash: TrashRows
  readonly versions: VersionRows
  readonly chunks: ChunkRows
  readonly spanning: SpanningRows
  readonly uploads: UploadRows
  readonly keys: KeyRows
}

/** What stands under a name in a directory. Names compare as UTF-8 bytes. */
export interface Entry {
  readonly parent_id: number
  readonly name: string
  readonly kind: number
  /** Of the file or directory; of a link its version. It stays the same for ever, wherever the entry moves. */
  readonly id: number
  /** The current version of a file or link; of a directory the operation that made it. */
  readonly version: number
  /** Bytes of a file's current version; 0 otherwise. */
  readonly size: number
  readonly target: string | null
  readonly modified_ms: number
  /** Of a directory, how long the paths below it are at most; of others it says nothing. */
  readonly reach_bytes: number
}

export interface ListedRow extends Entry {
  readonly content_type: string | null
  readonly executable: number | null
}

export interface EntryRows {
  find(parent: number, name: string): Entry | undefined
  isEmpty(directory: number): boolean
  /** A new entry: under an id that was just made there is nothing yet, and nothing of that has to be named. */
  insert(entry: Entry): void
  /** An entry that was removed in the same transaction, elsewhere; a directory with all that is below it. */
  insertMoved(entry: Entry): void
  /** Writes version, size, target and time of an entry that exists. */
  update(entry: Entry): void
  setReach(parent: number, name: string, bytes: number): void
  remove(entry: Entry): void
}

/** Entries of a directory with names above `after`, in order. Nothing in a commit asks for them. */
export interface PageRows {
  /** With what a listing shows of them. */
  listed(directory: number, after: string, countMax: number): ListedRow[]
  bare(directory: number, after: string, countMax: number): Entry[]
}

/** What was deleted or replaced, whole: a directory takes its subtree along, since its entries name it as their parent. */
export interface TrashRow extends Omit<Entry, 'reach_bytes'> {
  readonly operation: number
  readonly reason: number
  readonly path: string
  readonly trashed_ms: number
  readonly is_counted: number
}

export interface TrashRows {
  insert(row: TrashRow): void
  /** The directory that waits for longest to be counted. Nothing in a commit asks for it. */
  firstUncounted(): { operation: number; id: number } | undefined
  setCounted(operation: number): void
}

export interface VersionRow {
  readonly file_id: number
  readonly id: number
  readonly size: number
  readonly crc32: number
  readonly sha256: Uint8Array | null
  readonly content_type: string
  readonly executable: number
  readonly content_id: number | null
  readonly created_wall_ms: number
  readonly copies: number
  readonly zones: number
}

/** The request that has made a version. */
export interface MadeBy {
  readonly request_server: number
  readonly request_incarnation: number
  readonly request_number: number
}

export interface VersionRows {
  find(file: number, version: number): VersionRow | undefined
  insert(row: VersionRow & MadeBy): void
}

export interface ChunkRow {
  readonly content_id: number
  readonly start: number
  readonly volume: number
  readonly offset: number
  readonly record_size: number
  readonly length: number
  readonly crc32: number
  readonly copies: number
}

export interface ChunkRows {
  insert(row: ChunkRow): void
  /** The chunk that holds byte `fromByte`, and those after it, in order. */
  from(content: number, fromByte: number, countMax: number): ChunkRow[]
  /** Whether any stands in a volume. */
  isAnyIn(volume: number): boolean
}

/** A content of a version that lies in several volumes, and one of them. */
export interface SpanningRow {
  readonly content_id: number
  readonly volume: number
}

export interface SpanningRows {
  /** By content, then volume. */
  load(): Iterable<SpanningRow>
  insert(row: SpanningRow): void
}

export interface UploadKey {
  readonly server: number
  readonly incarnation: number
  readonly number: number
}

export interface UploadRow extends UploadKey {
  readonly content_id: number
  readonly staged_end: number
}

/** The fewest copies that any chunk of an upload had in one volume. */
export interface UploadVolumeRow {
  readonly volume: number
  readonly copies: number
}

export interface UploadRows {
  find(key: UploadKey): UploadRow | undefined
  /** Those of earlier incarnations of a server. */
  before(server: number, incarnation: number): UploadRow[]
  put(row: UploadRow): void
  remove(key: UploadKey): void
  /** By volume. */
  volumesOf(content: number): UploadVolumeRow[]
  /** Makes the row, or lowers its copies if they are more. */
  lowerVolume(content: number, row: UploadVolumeRow): void
  removeVolumes(content: number): void
  insertGarbage(content: number, sinceMs: number): void
}

export interface KeyRow {
  readonly generation: number
  readonly key: string
  readonly fingerprint: Uint8Array
  readonly kept_since_ms: number
  readonly result: Uint8Array
}

export interface KeyRows {
  find(generation: number, key: string): KeyRow | undefined
  insert(row: KeyRow): void
  /** Removes some rows of generations below this one, the oldest first; how many. Nothing in a commit asks for it. */
  removeBelow(generation: number, countMax: number): number
}
