/**
 * The metadata of a master that does not run, for the beginning of a new history: read without changing anything, whatever
 * state its log is in, and then changed in one durable transaction. It knows the tables that it touches, and no more.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { HISTORY_TABLES, SCHEMA_VERSIONS_KNOWN } from '@dfs/fsck'
import { NodeDisk } from '@dfs/node-runtime'
import { DfsError, type Epoch } from '@dfs/protocol'
import { copyIntact, cutLog, inspectLog, keepAside, type LogState, mendLog } from '@dfs/wal'
import { type KnownServer } from '../recover/history.ts'

const DATABASE = 'metadata.db'
const LOG = 'metadata.db-wal'
const LOCK = 'master.lock'
/** Older ones do not know the starts of the master. */
const SCHEMA_OLDEST = 4
/** Where the readable part of a damaged log is opened with a copy of the database. */
const SCRATCH = 'recover.tmp'

export interface MetadataFacts {
  readonly clusterId: string
  /** The last start of the master, and the transactions in here. */
  readonly epoch: Epoch
  readonly files: number
  readonly servers: readonly KnownServer[]
  /** The committed end of every volume. */
  readonly ends: readonly { readonly volume: number; readonly end: number }[]
}

export interface NewHistory {
  readonly epoch: Epoch
  /** Servers that the metadata knows and that were not reached. */
  readonly givenUp: readonly number[]
  readonly nowWallMs: number
}

export class MetadataAtRest implements Disposable {
  readonly log: LogState
  readonly facts: MetadataFacts
  readonly #directory: string
  readonly #disk: NodeDisk
  readonly #lock: DatabaseSync

  private constructor(parts: {
    directory: string
    disk: NodeDisk
    lock: DatabaseSync
    log: LogState
    facts: MetadataFacts
  }) {
    this.#directory = parts.directory
    this.#disk = parts.disk
    this.#lock = parts.lock
    this.log = parts.log
    this.facts = parts.facts
  }

  /** Throws INVALID_REQUEST if there is no metadata, UNAVAILABLE while a master runs on it. */
  static async open(directory: string): Promise<MetadataAtRest> {
    if (!existsSync(join(directory, DATABASE))) {
      throw new DfsError(
        'INVALID_REQUEST',
        `${directory} is no directory of a master: there is no ${DATABASE} in it`,
      )
    }
    const lock = takeLock(join(directory, LOCK))
    try {
      const disk = new NodeDisk(directory)
      const log = await inspect(directory, disk)
      return new MetadataAtRest({ directory, disk, lock, log, facts: await readFacts(directory, disk, log) })
    } catch (error) {
      lock.close()
      throw error
    }
  }

  /**
   * Begins the new history: a damaged log is kept aside and cut before the damage, every volume is sealed at its committed end,
   * what was seen of earlier starts is given up. Durable when it resolves. Resolves to where the damaged files are.
   */
  async begin(history: NewHistory): Promise<string | null> {
    const kept = await this.#readyLog(history.nowWallMs)
    const database = new DatabaseSync(join(this.#directory, DATABASE))
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
    this.#lock.close()
  }

  async #readyLog(nowWallMs: number): Promise<string | null> {
    const { log } = this
    if (log.kind === 'empty' || log.kind === 'whole') return null
    const reason = log.kind === 'torn' ? 'torn' : log.mend === null ? 'damaged' : 'mended'
    const files = [DATABASE, LOG].map((name) => ({ name, range: null }))
    const { prefix } = await keepAside(this.#disk, { reason, nowWallMs, files })
    if (log.kind === 'damaged' && log.mend !== null) await mendLog(this.#disk, LOG, log.mend)
    else if (log.scan !== null) await cutLog(this.#disk, LOG, log.scan)
    else await this.#disk.remove(LOG)
    return join(this.#directory, `${prefix}*`)
  }
}

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

async function readFacts(directory: string, disk: NodeDisk, log: LogState): Promise<MetadataFacts> {
  if (log.kind === 'empty' || log.kind === 'whole') return facts(join(directory, DATABASE))
  const scratch = join(directory, SCRATCH)
  rmSync(scratch, { recursive: true, force: true })
  mkdirSync(scratch, { mode: 0o700 })
  try {
    copyFileSync(join(directory, DATABASE), join(scratch, DATABASE))
    const copy = { disk, name: `${SCRATCH}/${LOG}` }
    if (log.kind === 'damaged' && log.mend !== null) {
      copyFileSync(join(directory, LOG), join(scratch, LOG))
      await mendLog(new NodeDisk(scratch), LOG, log.mend)
    } else if (log.scan !== null) {
      const file = await disk.open(LOG, 'existing')
      try {
        await copyIntact(file, log.scan, copy)
      } finally {
        await file.close()
      }
    }
    return facts(join(scratch, DATABASE))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function facts(file: string): MetadataFacts {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
    const { last } = SCHEMA_VERSIONS_KNOWN
    if (version < SCHEMA_OLDEST || version > last) {
      throw new DfsError(
        'UNAVAILABLE',
        `the metadata has schema ${version}, this program knows ${SCHEMA_OLDEST} to ${last}`,
      )
    }
    const state = database.prepare('SELECT cluster_id, epoch, nonce, sequence, files FROM state').get()
    if (state === undefined)
      throw new DfsError('INVALID_REQUEST', 'the metadata is empty: no master has ever started on it')
    const servers = database
      .prepare('SELECT id, disk_uid, name, internal_address FROM servers ORDER BY id')
      .all()
    const volumes = database.prepare('SELECT id, committed_end FROM volumes ORDER BY id').all()
    return {
      clusterId: String(state['cluster_id']),
      epoch: {
        counter: Number(state['epoch']),
        nonce: String(state['nonce']),
        sequence: Number(state['sequence']),
      },
      files: Number(state['files']),
      servers: servers.map((row) => ({
        id: Number(row['id']),
        name: String(row['name']),
        diskUid: String(row['disk_uid']),
        internalAddress: String(row['internal_address']),
      })),
      ends: volumes.map((row) => ({ volume: Number(row['id']), end: Number(row['committed_end']) })),
    }
  } finally {
    database.close()
  }
}

/** States as they stand in the tables. */
const OPEN_VOLUME = 1
const SEALED_VOLUME = 2
const OPEN_COPY = 1
const UNVERIFIED_COPY = 2

function writeHistory(database: DatabaseSync, { epoch, givenUp, nowWallMs }: NewHistory): void {
  const { counter, nonce, sequence } = epoch
  database.exec('BEGIN IMMEDIATE')
  database.exec(HISTORY_TABLES)
  database.prepare('UPDATE state SET epoch = ?, nonce = ?, sequence = ?').run(counter, nonce, sequence)
  database
    .prepare('INSERT INTO starts (counter, nonce, sequence) VALUES (?, ?, ?)')
    .run(counter, nonce, sequence)
  database
    .prepare('INSERT INTO histories (counter, nonce, sequence, begun_wall_ms) VALUES (?, ?, ?, ?)')
    .run(counter, nonce, sequence, nowWallMs)
  const giveUp = database.prepare('INSERT OR IGNORE INTO given_up_servers (server) VALUES (?)')
  for (const server of givenUp) giveUp.run(server)
  // Whoever held copies of the old history was told to obey it no more, or was given up: the new one begins with none.
  const isHeld = "SELECT 1 FROM sqlite_schema WHERE name = 'metadata_holders'"
  if (database.prepare(isHeld).get() !== undefined) database.exec('DELETE FROM metadata_holders')
  // A primary may have gone on in the old history: no volume is appended to in both.
  database
    .prepare(
      `UPDATE replicas SET state = ${UNVERIFIED_COPY}, seal_reported = 0
       WHERE state = ${OPEN_COPY} AND volume IN (SELECT id FROM volumes WHERE state = ${OPEN_VOLUME})`,
    )
    .run()
  database
    .prepare(
      `UPDATE volumes SET state = ${SEALED_VOLUME}, sealed_length = committed_end, sealed_ms = ?, seal_reason = ?
       WHERE state = ${OPEN_VOLUME}`,
    )
    .run(nowWallMs, 'a new history began')
  database.exec('COMMIT')
}
