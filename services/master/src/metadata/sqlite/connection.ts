/**
 * The one connection that answers, and its transactions. Opening is where durability is decided: the journal is a
 * write-ahead log, every commit is synced, and both are read back, because a build of SQLite may silently choose less.
 *
 * A transaction that fails for any reason but a DfsError poisons the connection: what a failed commit left behind is
 * unknown, and what the process holds in memory may differ from it. Nothing is answered any more.
 */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { assert, InvariantError } from '@dfs/core'
import { DfsError, MIB } from '@dfs/protocol'
import { type ForgottenTail } from '../log/ready-log.ts'
import { isDiskFull } from './disk-full.ts'

/** `synchronous=FULL`, as the pragma reads it. */
const FULL = 2
/** How long another connection (the checkpoint's) may hold a lock; none is ever held for long. */
const LOCK_TIMEOUT_MS = 1000
const CACHE_KIB = 64 * 1024
const PIECE_BYTES = MIB

export class Connection {
  readonly database: DatabaseSync
  #failure: InvariantError | null = null

  constructor(database: DatabaseSync) {
    this.database = database
  }

  /** Runs `work` in a transaction that is durable on return. A DfsError rolls back; `work` must have changed nothing then. */
  write<T>(work: () => T): T {
    return this.#transact('BEGIN IMMEDIATE', work)
  }

  /** Runs reads on one state of the database. */
  read<T>(work: () => T): T {
    return this.#transact('BEGIN', work)
  }

  /** Throws InvariantError if the connection has failed. */
  requireSound(): void {
    if (this.#failure !== null) throw this.#failure
  }

  /** Makes every later call fail with this reason. */
  poison(cause: unknown): InvariantError {
    this.#failure ??= new InvariantError('the metadata store has failed; the process must end', { cause })
    return this.#failure
  }

  /** Copies the log into the database, unless the connection has failed, and closes it. Nothing may follow. */
  finish(): void {
    try {
      if (this.#failure === null) emptyLog(this.database)
    } finally {
      this.database.close()
    }
  }

  #transact<T>(begin: string, work: () => T): T {
    this.requireSound()
    try {
      this.database.exec(begin)
      const result = work()
      this.database.exec('COMMIT')
      return result
    } catch (error) {
      if (!(error instanceof DfsError)) throw this.poison(error)
      this.database.exec('ROLLBACK')
      throw error
    }
  }
}

/**
 * Opens the database with every setting asserted, and copies what a crash left in its log into it (R26). If that is not
 * possible, what `tail` says stands behind the log's end is overwritten: with this log's salts it would look like damage
 * behind the transactions that come. Whoever calls has looked at the log before (log/ready-log.ts).
 */
export function openDatabase(location: string, tail: ForgottenTail | null = null): DatabaseSync {
  const database = new DatabaseSync(location, {
    timeout: LOCK_TIMEOUT_MS,
    enableForeignKeyConstraints: false,
  })
  const expectedJournal = location === ':memory:' ? 'memory' : 'wal'
  const journal = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
  assert(journal === expectedJournal, `journal_mode is ${String(journal)}, not ${expectedJournal}`)
  // The full-sync pragmas matter on macOS alone, where fsync does not reach the medium.
  database.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON')
  database.exec(
    // A page is in a transaction once: by that the look at the log at the next start knows where one ends.
    `PRAGMA cache_spill = OFF; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -${CACHE_KIB}`,
  )
  assertDurable(database)
  if (!emptyLog(database)) {
    if (tail !== null) writeZeros(`${location}-wal`, tail)
    writeAgain(`${location}-wal`)
  }
  return database
}

/** Copies the log into the database; false if the disk has no room for that: then all of it stays in the log. */
function emptyLog(database: DatabaseSync): boolean {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    return true
  } catch (error) {
    if (!isDiskFull(error)) throw error
    return false
  }
}

/**
 * Writes what is in a file to its place again, and syncs it. After a sync that failed in an earlier process the kernel takes
 * what it has in memory for written, so commits behind it would be lost with it in a power cut; this makes it dirty again.
 */
export function writeAgain(name: string): void {
  const file = openSync(name, 'r+')
  try {
    const piece = Buffer.alloc(PIECE_BYTES)
    for (let at = 0; ;) {
      const count = readSync(file, piece, 0, piece.length, at)
      if (count === 0) break
      for (let done = 0; done < count;) done += writeSync(file, piece, done, count - done, at + done)
      at += count
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The caller syncs. */
export function writeZeros(name: string, { from, to }: ForgottenTail): void {
  const file = openSync(name, 'r+')
  try {
    const zeros = Buffer.alloc(PIECE_BYTES)
    for (let at = from; at < to;) at += writeSync(file, zeros, 0, Math.min(zeros.length, to - at), at)
  } finally {
    closeSync(file)
  }
}

/** Throws InvariantError unless commits are synced. */
export function assertDurable(database: DatabaseSync): void {
  const level = database.prepare('PRAGMA synchronous').get()?.['synchronous']
  assert(level === FULL, `synchronous is ${String(level)}, not FULL`)
}
