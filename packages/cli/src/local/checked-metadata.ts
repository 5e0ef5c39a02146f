/**
 * The files of the metadata, looked at before anything in them is believed, and then opened to be read: its log as the master's
 * start looks at it (docs/adr/0013), and SQLite's own check of its structures. Neither file is changed.
 *
 * With a bit in the log that can be turned back, what the next start will see is checked: the mended log, in a scratch directory
 * beside a link to the database. With damage that ends the start, the state before the damage is: what stands behind it is
 * then named by the records that the metadata lacks.
 */
import { existsSync, linkSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Findings, type Query, SCHEMA_VERSIONS_KNOWN } from '@dfs/fsck'
import { NodeDisk } from '@dfs/node-runtime'
import { DfsError } from '@dfs/protocol'
import { copyMended, type DamagedLog, inspectLog, type LogState } from '@dfs/wal'

export const DATABASE = 'metadata.db'
const LOG = 'metadata.db-wal'
const SCRATCH = 'fsck.tmp'
/** What SQLite says at most of its structures. */
const LINES_MAX = 100

export class CheckedMetadata implements Disposable {
  readonly #database: DatabaseSync
  readonly #scratch: string | null

  private constructor(database: DatabaseSync, scratch: string | null) {
    this.#database = database
    this.#scratch = scratch
  }

  /** Throws UNAVAILABLE if the database is of an unknown schema, and what SQLite throws if it cannot read it at all. */
  static async open(directory: string, findings: Findings): Promise<CheckedMetadata> {
    const state = await inspect(directory)
    if (state.kind === 'damaged') findings.add('log-damaged', LOG, describe(state))
    const mend = state.kind === 'damaged' ? state.mend : null
    const scratch = mend === null ? null : await mendAside(directory, mend)
    try {
      const database = openKnown(join(scratch ?? directory, DATABASE))
      const metadata = new CheckedMetadata(database, scratch)
      checkIntegrity(metadata.query, findings)
      return metadata
    } catch (error) {
      if (scratch !== null) rmSync(scratch, { recursive: true })
      throw error
    }
  }

  get query(): Query {
    return (sql, ...parameters) => this.#database.prepare(sql).iterate(...parameters)
  }

  [Symbol.dispose](): void {
    this.#database.close()
    if (this.#scratch !== null) rmSync(this.#scratch, { recursive: true })
  }
}

export const isDatabaseError = (error: unknown): error is Error =>
  error instanceof Error && (error as { code?: unknown }).code === 'ERR_SQLITE_ERROR'

async function inspect(directory: string): Promise<LogState> {
  if (!existsSync(join(directory, LOG))) return { kind: 'empty' }
  await using file = await opened(directory)
  return await inspectLog(file.log)
}

async function opened(
  directory: string,
): Promise<AsyncDisposable & { log: Awaited<ReturnType<NodeDisk['open']>> }> {
  const log = await new NodeDisk(directory).open(LOG, 'existing')
  return { log, [Symbol.asyncDispose]: () => log.close() }
}

function describe({ scan, mend }: DamagedLog): string {
  if (scan === null)
    return 'its header is damaged, and nothing in it can be read in order; the database alone is checked'
  if (mend !== null) {
    return `turned bits at ${mend.map(({ at }) => `byte ${at}`).join(', ')}, the only ones that explain it: the next start of the master turns them back, and nothing is lost`
  }
  const frame = scan.faults[0]?.frame ?? scan.tailFaults[0]?.frame ?? scan.intactFrames
  return `damaged in frame ${frame}, beyond mending, with ${scan.transactionsBehind} whole transactions behind it: the master does not start on it; the state after the ${scan.intactTransactions} transactions before it is checked`
}

async function mendAside(directory: string, mend: NonNullable<DamagedLog['mend']>): Promise<string> {
  const scratch = join(directory, SCRATCH)
  rmSync(scratch, { recursive: true, force: true })
  mkdirSync(scratch, { mode: 0o700 })
  try {
    linkSync(join(directory, DATABASE), join(scratch, DATABASE))
    await using file = await opened(directory)
    await copyMended(file.log, mend, { disk: new NodeDisk(scratch), name: LOG })
    return scratch
  } catch (error) {
    rmSync(scratch, { recursive: true })
    throw error
  }
}

function openKnown(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
    const { first, last } = SCHEMA_VERSIONS_KNOWN
    if (version >= first && version <= last) return database
    throw new DfsError(
      'UNAVAILABLE',
      `the metadata has schema ${version}, this program knows ${first} to ${last}`,
    )
  } catch (error) {
    database.close()
    throw error
  }
}

function checkIntegrity(query: Query, findings: Findings): void {
  for (const row of query(`PRAGMA integrity_check(${LINES_MAX})`)) {
    const line = String(row['integrity_check'])
    if (line !== 'ok') findings.add('metadata-damaged', DATABASE, line)
  }
}
