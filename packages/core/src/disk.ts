/**
 * A directory tree of one storage device. Names are relative, `/`-separated, made by the program and never by a user.
 *
 * What an implementation promises about durability is what POSIX file systems give and no more: bytes are safe after
 * `sync`, names are safe after `syncDirectory` of their parent. Order between files is not promised.
 *
 * Errors are {@link DiskError}; a file whose `sync` failed must never be synced or trusted again (its dirty pages are
 * gone: the caller seals and replaces it).
 */
export interface Disk {
  /** Opens a file. `create` fails with `exists` when it is there; `existing` with `missing` when it is not. */
  open(name: string, mode: 'create' | 'existing'): Promise<DiskFile>
  /** Names in a directory, sorted by code unit; `missing` when there is no such directory. */
  list(directory: string): Promise<string[]>
  /** Makes a directory and its parents; no error when it exists. The new names still need `syncDirectory`. */
  makeDirectory(name: string): Promise<void>
  /** Replaces `to` atomically when it exists. */
  rename(from: string, to: string): Promise<void>
  /** Removes a file; `missing` when it is not there. */
  remove(name: string): Promise<void>
  /** Makes creations, renames and removals in `directory` ('' is the root) durable. */
  syncDirectory(directory: string): Promise<void>
  space(): Promise<DiskSpace>
}

export interface DiskSpace {
  readonly freeBytes: number
  readonly totalBytes: number
}

/** An open file. Calls on one file may overlap, except that its owner serialises `appendv`, `truncate` and `sync`. */
export interface DiskFile {
  /** Current size in bytes, un-synced appends included. */
  size(): Promise<number>
  /** Writes all buffers, in order, at the end. On an error any prefix may have been written. The buffers are only read, until the promise settles. */
  appendv(buffers: readonly Uint8Array[]): Promise<void>
  /** Fills `buffer` from position `at`; resolves to the bytes read, fewer than asked only at the end of the file. */
  readInto(at: number, buffer: Uint8Array): Promise<number>
  /** Overwrites bytes that exist already; used by in-place repair alone. */
  writeAt(at: number, bytes: Uint8Array): Promise<void>
  /** fdatasync: the bytes and the size are durable when it resolves. */
  sync(): Promise<void>
  truncate(size: number): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}

export type DiskErrorKind = 'missing' | 'exists' | 'full' | 'io'

export class DiskError extends Error {
  override readonly name = 'DiskError'
  readonly kind: DiskErrorKind

  constructor(kind: DiskErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** Whether `name` is relative and stays inside of the tree, whatever the host makes of it. */
export const isDiskName = (name: string): boolean =>
  !name.includes('\0') && name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
