/** How a store comes to be: its directory, its lock, its log looked at, and only then its database. */
import { join } from 'node:path'
import { type DatabaseSync } from 'node:sqlite'
import { type Clock, type Log, type Random } from '@dfs/core'
import { NodeDisk } from '@dfs/node-runtime'
import { DATABASE } from '../log/files.ts'
import { KeptFiles } from '../log/kept-files.ts'
import { readyLog } from '../log/ready-log.ts'
import { CHECKPOINT_LIMITS, Checkpointer, type CheckpointLimits } from './checkpointer.ts'
import { Connection, openDatabase } from './connection.ts'
import { LOCK, lockDirectory } from './directory-lock.ts'
import { prepareDirectory } from './file-modes.ts'
import { MemorySnapshots } from './memory-snapshots.ts'
import { migrate } from './schema.ts'
import { SnapshotReader } from './snapshot-reader.ts'
import { SqliteEngine } from './sqlite-engine.ts'
import { SqliteStore } from './sqlite-store.ts'

export interface SqliteStoreOptions {
  /** Holds the database and its lock; made if it is missing. */
  readonly directory: string
  readonly random: Random
  readonly log: Log
  /** Names what is kept aside, and paces snapshots. */
  readonly clock: Clock
  readonly checkpointLimits?: CheckpointLimits
}

/**
 * Opens or makes a store. Throws UNAVAILABLE if another master uses the directory, or the schema is newer than this
 * program; METADATA_DAMAGED if starting would lose what was acknowledged; ACCESS_DENIED if others may change its
 * files; InvariantError if the database would not be durable.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { directory, random, log, clock } = options
  prepareDirectory(directory)
  const lock = lockDirectory(join(directory, LOCK))
  const file = join(directory, DATABASE)
  let database: DatabaseSync | null = null
  try {
    const disk = new NodeDisk(directory)
    const tail = await readyLog({ disk, directory, log, nowWallMs: clock.wallMs() })
    database = openDatabase(file, tail)
    migrate(database)
    const connection = new Connection(database)
    const engine = new SqliteEngine(connection)
    const books = engine.openBooks(random)
    const checkpointer = new Checkpointer(connection, file, options.checkpointLimits ?? CHECKPOINT_LIMITS)
    engine.keepLogShort(checkpointer)
    const kept = await KeptFiles.open(disk)
    const snapshots = new SnapshotReader({ file, checkpointer, clock })
    return new SqliteStore({ engine, books, random, lock, kept, snapshots })
  } catch (error) {
    database?.close()
    lock.release()
    throw error
  }
}

/** A store that is gone with the process, without a thread: for tests and simulations. */
export function openMemoryStore(random: Random): SqliteStore {
  const database = openDatabase(':memory:')
  migrate(database)
  const engine = new SqliteEngine(new Connection(database))
  const books = engine.openBooks(random)
  const snapshots = new MemorySnapshots(database)
  return new SqliteStore({ engine, books, random, lock: null, kept: null, snapshots })
}
