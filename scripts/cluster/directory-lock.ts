/**
 * One launcher for each data directory. The lock is the operating system's, taken through SQLite, the only way to one
 * that Node has: it ends with its process however that dies. A file with a process id was refused: after a crash someone
 * has to decide whether that id is still the same program.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LaunchError } from './launch-error.ts'

interface Holder {
  readonly pid: number
  readonly released: number
}

export class DirectoryLock {
  readonly #database: DatabaseSync
  /** Whether the holder before this one died without {@link release}. */
  readonly wasLeftHeld: boolean

  private constructor(database: DatabaseSync, wasLeftHeld: boolean) {
    this.#database = database
    this.wasLeftHeld = wasLeftHeld
  }

  /** Throws {@link LaunchError} while another process holds the lock of this directory. */
  static take(directory: string): DirectoryLock {
    const database = new DatabaseSync(join(directory, 'launcher.lock'), { timeout: 0 })
    try {
      const before = lastHolder(database)
      database.exec('BEGIN IMMEDIATE')
      database.exec('CREATE TABLE IF NOT EXISTS holder (pid INTEGER NOT NULL, released INTEGER NOT NULL)')
      database.exec('DELETE FROM holder')
      database.prepare('INSERT INTO holder VALUES (?, 0)').run(process.pid)
      database.exec('COMMIT')
      // From here on the write lock stays held, while others can still read who holds it.
      database.exec('BEGIN IMMEDIATE')
      return new DirectoryLock(database, before !== null && before.released === 0)
    } catch (error) {
      const holder = lastHolder(database)
      database.close()
      throw new LaunchError(refusal(directory, holder, error), { cause: error })
    }
  }

  /** Marks the end as an orderly one and lets go. Idempotent. */
  release(): void {
    if (!this.#database.isOpen) return
    this.#database.exec('UPDATE holder SET released = 1')
    this.#database.exec('COMMIT')
    this.#database.close()
  }
}

function lastHolder(database: DatabaseSync): Holder | null {
  try {
    const row = database.prepare('SELECT pid, released FROM holder').get()
    return row === undefined ? null : { pid: Number(row['pid']), released: Number(row['released']) }
  } catch (error) {
    if (error instanceof Error && /no such table|locked|not a database/.test(error.message)) return null
    throw error
  }
}

function refusal(directory: string, holder: Holder | null, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  if (!message.includes('locked')) return `${join(directory, 'launcher.lock')} cannot be used (${message})`
  const who = holder === null ? 'another launcher' : `the launcher with process id ${holder.pid}`
  return `${directory} is in use by ${who}: stop that one, or name another directory with --data`
}
