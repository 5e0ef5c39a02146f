/**
 * Who may read and change the metadata: this user alone. SQLite gives its log and its index the mode of the database, and
 * makes the database as the process's mask says, so all of them are there with the right mode before it opens them.
 */
import { chmodSync, closeSync, existsSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectoryDurably } from '@dfs/node-runtime'
import { DfsError } from '@dfs/protocol'
import { DATABASE, LOG } from '../log/files.ts'
import { LOCK } from './directory-lock.ts'

const FILE_MODE = 0o600
const OTHERS_WRITE = 0o002
const STICKY = 0o1000

/** Makes the directory if it is missing. Throws ACCESS_DENIED if somebody else could exchange the files in it. */
export function prepareDirectory(directory: string): void {
  makeDirectoryDurably(directory)
  // Windows keeps rights in another way, and gives none to others.
  if (process.platform === 'win32') return
  requireOwn(directory)
  for (const name of [LOCK, DATABASE]) makeFile(join(directory, name))
  for (const name of [LOCK, DATABASE, LOG, `${DATABASE}-shm`]) {
    const path = join(directory, name)
    if (existsSync(path)) chmodSync(path, FILE_MODE)
  }
}

/** One that is there is not opened: closing it would drop the locks that this process may have on it. */
function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'ax', FILE_MODE))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function requireOwn(directory: string): void {
  const { uid, mode } = statSync(directory)
  const user = process.getuid?.() ?? uid
  const isOwn = user === 0 || uid === user || uid === 0
  const isOpen = (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0
  if (isOwn && !isOpen) return
  const why = isOwn
    ? 'everybody may change it: chmod o-w'
    : `it belongs to user ${uid}, the master runs as ${user}`
  throw new DfsError('ACCESS_DENIED', `${directory} must be safe from others: ${why}`)
}
