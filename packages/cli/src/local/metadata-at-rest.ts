/**
 * The metadata of a master that does not run, for the beginning of a new history: read without changing anything, whatever
 * state its log is in, and then changed in one durable transaction.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { NodeDisk } from '@dfs/node-runtime'
import { DfsError } from '@dfs/protocol'
import { copyIntact, cutLog, inspectLog, keepAside, type LogState, mendLog } from '@dfs/wal'
import { formatCount } from '../text.ts'
import { DATABASE, LOG } from './metadata-files.ts'
import { type MetadataFacts, readFacts } from './metadata-facts.ts'
import { type NewHistory, writeHistory } from './new-history.ts'
import { type Recoverable } from './recoverable.ts'

const LOCK = 'master.lock'
/** Where the readable part of a damaged log is opened with a copy of the database. */
const SCRATCH = 'recover.tmp'

interface Parts {
  readonly directory: string
  readonly disk: NodeDisk
  readonly lock: DatabaseSync
  readonly log: LogState
  readonly database: DatabaseSync
  readonly facts: MetadataFacts
}

export class MetadataAtRest implements Recoverable {
  readonly #parts: Parts

  private constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Throws INVALID_REQUEST if there is no metadata, UNAVAILABLE while a master runs on it. */
  static async open(directory: string): Promise<MetadataAtRest> {
    if (!existsSync(join(directory, DATABASE))) {
      throw new DfsError(
        'INVALID_REQUEST',
        `there is no ${DATABASE} in ${directory}: name the directory of the master; or, if its disk is gone, recover into an empty directory by --server ADDRESS of a chunk server, or by --backup FILE`,
      )
    }
    const lock = takeLock(join(directory, LOCK))
    try {
      const disk = new NodeDisk(directory)
      const log = await inspect(directory, disk)
      const file = await readableFile(directory, disk, log)
      const database = new DatabaseSync(file, { readOnly: true })
      try {
        return new MetadataAtRest({ directory, disk, lock, log, database, facts: readFacts(database) })
      } catch (error) {
        database.close()
        throw error
      }
    } catch (error) {
      rmSync(join(directory, SCRATCH), { recursive: true, force: true })
      lock.close()
      throw error
    }
  }

  get facts(): MetadataFacts {
    return this.#parts.facts
  }

  get database(): DatabaseSync {
    return this.#parts.database
  }

  get about(): readonly string[] {
    const { facts, log } = this.#parts
    const { sequence, counter } = facts.epoch
    return [
      `The metadata here: transaction ${sequence} of start ${counter}, ${formatCount(facts.files, 'file')}; its log is ${LOG_STATES[log.kind]}.`,
    ]
  }

  get view(): object {
    return { log: this.#parts.log.kind }
  }

  /** Nothing yet: it is changed in its place, when every server knows of the new history. */
  prepare(): void {}

  /**
   * Begins the new history: a damaged log is kept aside and cut before the damage. Durable when it resolves. Resolves to where
   * the damaged files are.
   */
  async complete(history: NewHistory): Promise<string | null> {
    const { directory } = this.#parts
    this.#closeReader()
    const kept = await this.#readyLog(history.nowWallMs)
    const database = new DatabaseSync(join(directory, DATABASE))
    try {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON')
      writeHistory(database, history)
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } finally {
      database.close()
    }
    return kept
  }

  [Symbol.dispose](): void {
    this.#closeReader()
    this.#parts.lock.close()
  }

  #closeReader(): void {
    const { database, directory } = this.#parts
    if (database.isOpen) database.close()
    rmSync(join(directory, SCRATCH), { recursive: true, force: true })
  }

  async #readyLog(nowWallMs: number): Promise<string | null> {
    const { log, disk, directory } = this.#parts
    if (log.kind === 'empty' || log.kind === 'whole') return null
    const reason = log.kind === 'torn' ? 'torn' : log.mend === null ? 'damaged' : 'mended'
    const files = [DATABASE, LOG].map((name) => ({ name, range: null }))
    const { prefix } = await keepAside(disk, { reason, nowWallMs, files })
    if (log.kind === 'damaged' && log.mend !== null) await mendLog(disk, LOG, log.mend)
    else if (log.scan !== null) await cutLog(disk, LOG, log.scan)
    else await disk.remove(LOG)
    return join(directory, `${prefix}*`)
  }
}

const LOG_STATES = {
  empty: 'empty',
  whole: 'whole',
  torn: 'without its last transaction, which was not finished',
  damaged: 'damaged: what stands behind the damage is given up, unless it can be mended for certain',
} as const

function takeLock(file: string): DatabaseSync {
  const lock = new DatabaseSync(file, { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    throw new DfsError(
      'UNAVAILABLE',
      `a master is running on this directory (${file} is locked): stop it first`,
      {
        cause: error,
      },
    )
  }
}

async function inspect(directory: string, disk: NodeDisk): Promise<LogState> {
  if (!existsSync(join(directory, LOG))) return { kind: 'empty' }
  const file = await disk.open(LOG, 'existing')
  try {
    return await inspectLog(file)
  } finally {
    await file.close()
  }
}

/** The database itself, or a copy of it with what can be read of its log. */
async function readableFile(directory: string, disk: NodeDisk, log: LogState): Promise<string> {
  const scratch = join(directory, SCRATCH)
  rmSync(scratch, { recursive: true, force: true })
  if (log.kind === 'empty' || log.kind === 'whole') return join(directory, DATABASE)
  mkdirSync(scratch, { mode: 0o700 })
  copyFileSync(join(directory, DATABASE), join(scratch, DATABASE))
  if (log.kind === 'damaged' && log.mend !== null) {
    copyFileSync(join(directory, LOG), join(scratch, LOG))
    await mendLog(new NodeDisk(scratch), LOG, log.mend)
  } else if (log.scan !== null) {
    const file = await disk.open(LOG, 'existing')
    try {
      await copyIntact(file, log.scan, { disk, name: `${SCRATCH}/${LOG}` })
    } finally {
      await file.close()
    }
  }
  return join(scratch, DATABASE)
}
