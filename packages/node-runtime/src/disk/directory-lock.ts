/**
 * Two processes must never share a data directory: each would append to the same volumes and truncate what the other has
 * written. Node has no `flock`, and a file with a process id in it goes stale. SQLite's exclusive transaction is a lock
 * of the kernel's (fcntl) on a small file, which the kernel itself drops when the process dies, however it dies.
 */
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DiskError } from '@dfs/core'
import { toDiskError } from './disk-error.ts'
import { makeDirectoryDurably } from './durable-directory.ts'

/** The file that carries the lock, in the directory that it protects. No other code may open it: closing any descriptor of a file drops its fcntl locks. */
const LOCK_NAME = 'lock'
const SQLITE_BUSY = 5

export interface DirectoryLock extends AsyncDisposable {
  /** Idempotent. */
  release(): Promise<void>
}

/** Makes `rootDirectory` if it is missing and locks it. DiskError `exists`: another process uses it. */
export async function lockDirectory(rootDirectory: string): Promise<DirectoryLock> {
  const database = openLocked(rootDirectory)
  const release = async (): Promise<void> => {
    if (database.isOpen) database.close()
  }
  return { release, [Symbol.asyncDispose]: release }
}

function openLocked(rootDirectory: string): DatabaseSync {
  const path = join(rootDirectory, LOCK_NAME)
  let database: DatabaseSync | null = null
  try {
    makeDirectoryDurably(rootDirectory)
    database = new DatabaseSync(path, { timeout: 0 })
    chmodSync(path, 0o600)
    database.exec('BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) {
      throw new DiskError('exists', `another process uses the directory ${rootDirectory}`, { cause: error })
    }
    throw toDiskError('lock', rootDirectory, error)
  }
}
