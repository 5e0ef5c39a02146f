/**
 * One master for each data directory. The lock is a transaction on a tiny database of its own, because the metadata
 * itself must stay open to the checkpoint's connection, and because the kernel drops it when the process dies, however.
 */
import { DatabaseSync } from 'node:sqlite'
import { DfsError } from '@dfs/protocol'

/** The file that carries the lock. */
export const LOCK = 'master.lock'
const SQLITE_BUSY = 5

export interface DirectoryLock {
  release(): void
}

/** Throws UNAVAILABLE if another process, or another store of this one, holds the lock. */
export function lockDirectory(file: string): DirectoryLock {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw error
    throw new DfsError('UNAVAILABLE', `another master is using this data directory (${file} is locked)`, {
      cause: error,
    })
  }
  return { release: () => database.close() }
}
