/**
 * Metadata in a directory in which there is none: made of a copy or a backup, in a scratch directory of it, and put in its place
 * whole when the new history has begun. Until then nothing is left of it if it is given up.
 */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  rmdirSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makeDirectoryDurably } from '@dfs/node-runtime'
import { DfsError } from '@dfs/protocol'
import { formatCount } from '../text.ts'
import { checkIntegrity } from './replayed-copy.ts'
import { DATABASE, LOG } from './metadata-files.ts'
import { type MetadataFacts, readFacts } from './metadata-facts.ts'
import { type NewHistory, writeHistory } from './new-history.ts'
import { type Recoverable } from './recoverable.ts'

const SCRATCH = 'recover.tmp'
const FILE_MODE = 0o600

/** An empty directory for a master, with room for what is being made in it. */
export class FreshDirectory implements Disposable {
  readonly path: string
  /** Gone when this is disposed of. */
  readonly scratch: string
  readonly #isMade: boolean
  #isKept = false

  private constructor(path: string, isMade: boolean) {
    this.path = path
    this.scratch = join(path, SCRATCH)
    this.#isMade = isMade
  }

  /** Throws INVALID_REQUEST if there is metadata in it. */
  static open(path: string): FreshDirectory {
    const there = [DATABASE, LOG].find((name) => existsSync(join(path, name)))
    if (there !== undefined) {
      throw new DfsError(
        'INVALID_REQUEST',
        `there is a ${there} in ${path}: with --server or --backup name an empty directory, or move what is there away; to go on from what is there, leave them out`,
      )
    }
    const isMade = !existsSync(path)
    if (isMade) makeDirectoryDurably(path)
    const directory = new FreshDirectory(path, isMade)
    rmSync(directory.scratch, { recursive: true, force: true })
    mkdirSync(directory.scratch, { mode: 0o700 })
    return directory
  }

  /** Puts a whole and synced file in its place. Throws INVALID_REQUEST if one has turned up there meanwhile. */
  install(file: string): void {
    try {
      linkSync(file, join(this.path, DATABASE))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      throw new DfsError(
        'INVALID_REQUEST',
        `a master has been started on ${this.path} meanwhile: stop it, remove what it has made, and run the command again`,
        { cause: error },
      )
    }
    this.#isKept = true
    syncPath(this.path)
  }

  [Symbol.dispose](): void {
    rmSync(this.scratch, { recursive: true, force: true })
    if (this.#isMade && !this.#isKept) rmdirSync(this.path)
  }
}

interface Parts {
  readonly directory: FreshDirectory
  readonly file: string
  readonly about: readonly string[]
  readonly view: object
}

export class FreshMetadata implements Recoverable {
  readonly facts: MetadataFacts
  readonly database: DatabaseSync
  readonly #parts: Parts

  private constructor(database: DatabaseSync, facts: MetadataFacts, parts: Parts) {
    this.database = database
    this.facts = facts
    this.#parts = parts
  }

  /** `file` is in the scratch directory, and whole. */
  static open(parts: Parts): FreshMetadata {
    const database = new DatabaseSync(parts.file)
    try {
      return new FreshMetadata(database, readFacts(database), parts)
    } catch (error) {
      database.close()
      throw error
    }
  }

  get about(): readonly string[] {
    const { epoch, files } = this.facts
    const { about } = this.#parts
    return [
      ...about,
      `It is of transaction ${epoch.sequence} of start ${epoch.counter}, with ${formatCount(files, 'file')}.`,
    ]
  }

  get view(): object {
    return this.#parts.view
  }

  prepare(history: NewHistory): void {
    const { database } = this
    database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON')
    writeHistory(database, history)
    database.close()
    syncPath(this.#parts.file)
  }

  async complete(): Promise<null> {
    const { directory, file } = this.#parts
    directory.install(file)
    return null
  }

  [Symbol.dispose](): void {
    if (this.database.isOpen) this.database.close()
  }
}

/** A copy of a backup file, opened and checked. Throws INVALID_REQUEST if it is no metadata, or damaged. */
export function openBackup(directory: FreshDirectory, backup: string): FreshMetadata {
  const log = `${backup}-wal`
  if (existsSync(log)) {
    throw new DfsError(
      'INVALID_REQUEST',
      `there is a log beside the file (${log}): this is no backup but files of a master. Put both into an empty directory as ${DATABASE} and ${LOG}, and name that directory without --backup`,
    )
  }
  const file = join(directory.scratch, DATABASE)
  copyFileSync(backup, file)
  chmodSync(file, FILE_MODE)
  const metadata = openKnown(directory, file, backup)
  const wrong = checkIntegrity(metadata.database)
  if (wrong === null) return metadata
  metadata[Symbol.dispose]()
  throw new DfsError('INVALID_REQUEST', `${backup} is damaged: ${wrong}. Take another backup`)
}

function openKnown(directory: FreshDirectory, file: string, backup: string): FreshMetadata {
  try {
    return FreshMetadata.open({
      directory,
      file,
      about: [`The backup: ${backup}, checked by SQLite and whole.`],
      view: { backup },
    })
  } catch (error) {
    if (error instanceof DfsError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new DfsError('INVALID_REQUEST', `${backup} is no metadata of a master: ${why}. Take another file`, {
      cause: error,
    })
  }
}

/** Syncs a file or a directory. */
function syncPath(path: string): void {
  // Windows cannot open a directory, and keeps names by itself.
  if (process.platform === 'win32') return
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
