/** What a client can do, for those who use it and for those who stand in for it. */
import {
  type BackupInfo,
  type ClusterStatusView,
  type CopyCheck,
  type EntryView,
  type Explanation,
  type FileView,
  type HealthView,
  type ListedEntry,
  type LinkView,
  type ServerView,
  type RecoveryView,
  type RemovalView,
  type RepairsView,
  type WeakFiles,
  type WeakState,
  type WorkerView,
} from '@dfs/protocol'
import { type Download } from './download.ts'
import { type Durability } from './receipt.ts'
import { type PutSource } from './source.ts'

export interface CallOptions {
  /** Ends the operation at once; it then rejects with the signal's reason, and a change may have been made. */
  readonly signal?: AbortSignal | undefined
}

export interface WriteOptions extends CallOptions {
  /** Default `application/octet-stream`. */
  readonly contentType?: string
  readonly executable?: boolean
}

export interface PutOptions extends WriteOptions {
  /** Bytes that an iterable source will bring, if they are known; others give LENGTH_MISMATCH and store nothing. */
  readonly size?: number
  /** Entity tags with their quotes, or `*`. */
  readonly ifMatch?: string
  readonly ifNoneMatch?: string
}

export interface GetOptions extends CallOptions {
  /** Bytes from `start` up to but not including `end`; to the end of the file if it is missing. */
  readonly range?: { readonly start: number; readonly end?: number }
  /** An earlier version: its entity tag without the quotes. */
  readonly version?: string
}

export interface ListOptions extends CallOptions {
  /** The whole tree below, depth first. */
  readonly recursive?: boolean
  /** Entries asked for at once. */
  readonly pageEntries?: number
}

export interface RemoveOptions extends CallOptions {
  readonly ifMatch?: string
}

export interface RemoveDirectoryOptions extends CallOptions {
  /** With everything in it. */
  readonly recursive?: boolean
}

export interface ExplainOptions extends CallOptions {
  /** `next` of the explanation before: the byte from which on parts are explained. */
  readonly from?: number
}

export interface WeakFilesOptions extends CallOptions {
  /** With `only-on`: the name of the server, and which of several if there are. */
  readonly server?: string
  readonly id?: number | undefined
}

export interface RemoveServerOptions extends CallOptions {
  /** Which of several servers of the name; the one that is not there if it is left out. */
  readonly id?: number | undefined
  /** Whether the files are given up that it alone may have a good copy of. Default false. */
  readonly acceptLoss?: boolean
}

export interface PutResult extends FileView {
  /** Whether the path was new. */
  readonly created: boolean
  readonly operation: string | null
  /** The receipt. */
  readonly durability: Durability | null
}

export interface ChangeResult {
  /** Null if the cluster did not say. */
  readonly operation: string | null
}

export interface BackupDownload extends AsyncDisposable {
  readonly info: BackupInfo
  /** A database file of SQLite. Rejects with UNAVAILABLE if not all of it comes, or other bytes than were sent. To be read once. */
  readonly body: AsyncIterable<Uint8Array>
}

/** A node and its workers, or why they are not known. */
export interface NodeWorkers {
  readonly node: string
  readonly url: string | null
  readonly workers: readonly WorkerView[]
  readonly error: string | null
}

/**
 * Every operation rejects with a `DfsError` of the catalogue: a `RequestError` with HTTP status and request id if it
 * went over the wire. TIMEOUT_ERROR means that a change may or may not have been made. Paths are given with or without
 * their leading slash; INVALID_PATH if they are none.
 *
 * What the catalogue allows to retry is retried on another server until the deadline, and so is what was not answered. Every
 * change has an idempotency key: however often it is sent, it happens once, and undoes nothing that others did in between.
 * So TIMEOUT_ERROR is left for when no server answers in time, or the content cannot be sent again.
 */
export interface DfsClient extends AsyncDisposable {
  /**
   * Writes a whole file; missing parent directories are made. Retried only if the source is bytes or a factory, or was
   * not begun. An error that the source throws is passed on as it is.
   */
  put(path: string, source: PutSource, options?: PutOptions): Promise<PutResult>
  /** An empty file. FILE_EXISTS. */
  create(path: string, options?: WriteOptions): Promise<PutResult>
  /** Opens a file. FILE_NOT_FOUND, IS_A_DIRECTORY, IS_A_LINK, RANGE_NOT_SATISFIABLE. */
  get(path: string, options?: GetOptions): Promise<Download>
  /** What stands at a path: file, directory or link. FILE_NOT_FOUND. */
  stat(path: string, options?: CallOptions): Promise<EntryView>
  /** Entries in order of their names, fetched page by page. Paths are relative to the directory. DIRECTORY_NOT_FOUND. */
  list(path: string, options?: ListOptions): AsyncIterable<ListedEntry>
  /** Deletes a file or link; it goes to the trash. FILE_NOT_FOUND. */
  remove(path: string, options?: RemoveOptions): Promise<ChangeResult>
  /** DIRECTORY_NOT_FOUND, DIRECTORY_NOT_EMPTY. */
  removeDirectory(path: string, options?: RemoveDirectoryOptions): Promise<ChangeResult>
  /** With its parents; no error when it exists. */
  makeDirectory(path: string, options?: CallOptions): Promise<ChangeResult>
  /** Renames a file, link or directory in one step; a file or link at the target is replaced. */
  move(from: string, to: string, options?: CallOptions): Promise<ChangeResult>
  /** A symbolic link, which the system keeps and never follows. It replaces a link, nothing else. */
  link(path: string, target: string, options?: CallOptions): Promise<ChangeResult>
  /** NOT_A_LINK, FILE_NOT_FOUND. */
  readLink(path: string, options?: CallOptions): Promise<LinkView>
  status(options?: CallOptions): Promise<ClusterStatusView>
  servers(options?: CallOptions): Promise<readonly ServerView[]>
  /**
   * Whether all that is stored is there, and what is missing, by whichever node answers: `unknown` where that cannot say.
   * Rejects only where no node answers.
   */
  health(options?: CallOptions): Promise<HealthView>
  /** Why a file is as it is: its chunks, volumes and copies. FILE_NOT_FOUND, IS_A_DIRECTORY, IS_A_LINK. */
  explain(path: string, options?: ExplainOptions): Promise<Explanation>
  /** The files that no server has a copy of, that have fewer good ones than wanted, or one on a server at most, page by page; a page may be empty. */
  weakFiles(state: WeakState, options?: WeakFilesOptions): AsyncIterable<WeakFiles>
  /** Copies that are made again, the newest first, page by page. */
  repairs(options?: CallOptions): AsyncIterable<RepairsView>
  /** The last new history of the metadata, and what became of the writes that it found, the newest first, page by page. */
  recovery(options?: CallOptions): AsyncIterable<RecoveryView>
  /** It is the one to keep: things may be deleted again. UNAVAILABLE while writes that were found have no name. */
  confirmRecovery(options?: CallOptions): Promise<RecoveryView>
  /**
   * Names a chunk server as gone for good, with its disk: SERVER_NOT_FOUND; SERVER_ALIVE until it has been silent for long enough; WOULD_LOSE_FILES if it
   * alone may have a good copy of some.
   */
  removeServer(name: string, options?: RemoveServerOptions): Promise<RemovalView>
  /** What every node does in the background: the master first, then the chunk servers; those that do not answer with the reason. */
  workers(options?: CallOptions): Promise<readonly NodeWorkers[]>
  /** A consistent copy of all metadata, from the master; one at a time in a cluster. TOO_BUSY, UNAVAILABLE. */
  backup(options?: CallOptions): Promise<BackupDownload>
  /** Resolves if a node is ready, to what is missing all the same or null. UNAVAILABLE with the reason if none is. */
  readiness(options?: CallOptions): Promise<string | null>
  /** Has every server read every block that it has, unless that is under way. */
  startCheck(options?: CallOptions): Promise<CopyCheck>
  /** How far the last check is; null if there was none since the master started. */
  check(options?: CallOptions): Promise<CopyCheck | null>
  /** Closes all connections; what is under way fails. Idempotent. */
  close(): Promise<void>
}
