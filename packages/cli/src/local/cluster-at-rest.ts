/**
 * The data directory of a cluster that is stopped, opened for a check: its metadata read-only, the disks of its chunk
 * servers, and the locks of all its services, so that none of them starts meanwhile. Refused while one of them runs.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DiskError } from '@dfs/core'
import { checkCluster, type Query, type Report, SCHEMA_VERSIONS_KNOWN } from '@dfs/fsck'
import { crc32, lockDirectory, NodeDisk } from '@dfs/node-runtime'
import { DfsError, IDENTITY_FILES } from '@dfs/protocol'

export interface CheckOptions {
  readonly onBytes: (count: number) => void
  readonly signal: AbortSignal
}

/** Throws INVALID_REQUEST where there is no cluster in `directory`, UNAVAILABLE while it runs or cannot be read. */
export async function checkDataDirectory(directory: string, options: CheckOptions): Promise<Report> {
  const metadata = join(directory, 'master', 'metadata.db')
  if (!existsSync(metadata)) {
    throw new DfsError('INVALID_REQUEST', `${directory} is no data directory of a cluster: no ${metadata}`)
  }
  await using held = new AsyncDisposableStack()
  // Closing them gives the locks back.
  for (const name of ['launcher.lock', 'master/master.lock']) {
    const lock = lockFile(join(directory, name))
    if (lock !== null) held.defer(() => lock.close())
  }
  const names = chunkServersIn(directory)
  for (const name of names) held.use(await lockServer(join(directory, name)))
  const database = openMetadata(metadata)
  held.defer(() => database.close())
  return await checkCluster({
    query: queryOf(database),
    disks: names.map((name) => ({ name, disk: new NodeDisk(join(directory, name)) })),
    crc32,
    ...options,
  })
}

const chunkServersIn = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => statSync(join(directory, name)).isDirectory())
    .filter((name) => IDENTITY_FILES.some((file) => existsSync(join(directory, name, file))))
    .sort()

/** Takes a lock of the launcher's or the master's; null where there is no such file. */
function lockFile(path: string): DatabaseSync | null {
  if (!existsSync(path)) return null
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database.close()
    throw running(path, error)
  }
}

async function lockServer(directory: string): Promise<AsyncDisposable> {
  try {
    return await lockDirectory(directory)
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'exists') throw running(directory, error)
    throw error
  }
}

const running = (what: string, cause: unknown): DfsError =>
  new DfsError('UNAVAILABLE', `the cluster is running (${what} is locked): stop it, or leave out --offline`, {
    cause,
  })

function openMetadata(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true })
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  const { first, last } = SCHEMA_VERSIONS_KNOWN
  if (version >= first && version <= last) return database
  database.close()
  throw new DfsError(
    'UNAVAILABLE',
    `the metadata has schema ${version}, this program knows ${first} to ${last}`,
  )
}

const queryOf =
  (database: DatabaseSync): Query =>
  (sql, ...parameters) =>
    database.prepare(sql).iterate(...parameters)
