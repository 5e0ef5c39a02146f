/**
 * The data directory of a cluster that is stopped, opened for a check: its metadata read-only, the disks of its chunk
 * servers, and the locks of all its services, so that none of them starts meanwhile. Refused while one of them runs.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DiskError } from '@dfs/core'
import { checkCluster, Findings, type Report, sqliteDump } from '@dfs/fsck'
import { crc32, lockDirectory, NodeDisk } from '@dfs/node-runtime'
import { DfsError } from '@dfs/protocol'
import { IDENTITY_FILES } from '@dfs/volume'
import { CheckedMetadata, DATABASE, isDatabaseError } from './checked-metadata.ts'

export interface CheckOptions {
  readonly onBytes: (count: number) => void
  readonly signal: AbortSignal
}

/** Throws INVALID_REQUEST if there is no cluster in `directory`, UNAVAILABLE while it runs or cannot be read. */
export async function checkDataDirectory(directory: string, options: CheckOptions): Promise<Report> {
  const metadata = join(directory, 'master', DATABASE)
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
  const findings = new Findings()
  const { query } = held.use(await CheckedMetadata.open(join(directory, 'master'), findings))
  const cluster = {
    metadata: sqliteDump(query),
    findings,
    disks: names.map((name) => ({ name, disk: new NodeDisk(join(directory, name)) })),
    crc32,
    ...options,
  }
  try {
    return await checkCluster(cluster)
  } catch (error) {
    // Tables that are known to be broken need not be readable: what was found before is to be said.
    if (!isDatabaseError(error) || findings.report().findingsCount === 0) throw error
    findings.add('metadata-damaged', DATABASE, `the check ended here: ${error.message}`)
    return findings.report()
  }
}

const chunkServersIn = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => statSync(join(directory, name)).isDirectory())
    .filter((name) => IDENTITY_FILES.some((file) => existsSync(join(directory, name, file))))
    .sort()

/** Takes a lock of the launcher's or the master's; null if there is no such file. */
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
