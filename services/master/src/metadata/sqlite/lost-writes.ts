/**
 * What stands behind damage in the log, in words. The transactions before it, and then all frames that are readable, are
 * looked at in a scratch directory: a link to the database and a log beside it. Neither is written to.
 */
import { linkSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DiskError } from '@dfs/core'
import { filesSince, type LostFiles, type Query, type Standing, standingOf } from '@dfs/fsck'
import { copyIntact, copyReadable, type DamagedLog, type LogScan } from '@dfs/wal'
import { DATABASE, LOG, type ReadyLogDeps } from '../log/files.ts'

const SCRATCH = 'scratch'
const HOW_TO_GO_ON =
  'Nothing was changed. docs/operating.md says what can be done; "dfs recover" goes on without what is lost.'

/** For the person who has to decide. */
export async function describeLost(deps: ReadyLogDeps, { scan }: DamagedLog): Promise<string> {
  if (scan === null) {
    return `the header of ${LOG} is damaged, and nothing in it can be read in order. ${HOW_TO_GO_ON}`
  }
  const frame = scan.faults[0]?.frame ?? scan.tailFaults[0]?.frame ?? scan.intactFrames
  const { before, lost } = await lookBehind(deps, scan)
  const number = before === null ? '' : ` ${before.sequence + 1}`
  return [
    `the log of the metadata is damaged in transaction${number} (frame ${frame} of ${LOG}), in more than one way or more than one bit.`,
    `${scan.transactionsBehind} whole transactions stand behind it.`,
    wordsFor(lost),
    HOW_TO_GO_ON,
  ].join(' ')
}

function wordsFor(lost: LostFiles | null): string {
  if (lost === null) return 'Which files they made cannot be read.'
  const { count, paths } = lost
  if (count === 0) return 'They made no file that can be read there.'
  const names = paths.map((path) => JSON.stringify(path)).join(', ')
  return `Files that were written since, as far as that can be read: ${names}${count > paths.length ? ` and ${count - paths.length} more` : ''}.`
}

interface Behind {
  readonly before: Standing | null
  readonly lost: LostFiles | null
}

async function lookBehind(deps: ReadyLogDeps, scan: LogScan): Promise<Behind> {
  const before = await look(deps, scan, copyIntact, standingOf)
  const lost =
    before === null ? null : await look(deps, scan, copyReadable, (query) => filesSince(query, before))
  return { before, lost }
}

/** Null if the log of this kind has no room, or no sound database results. */
async function look<T>(
  { directory, disk, log }: ReadyLogDeps,
  scan: LogScan,
  copy: typeof copyIntact,
  read: (query: Query) => T,
): Promise<T | null> {
  const scratch = join(directory, SCRATCH)
  rmSync(scratch, { recursive: true, force: true })
  mkdirSync(scratch, { mode: 0o700 })
  const file = await disk.open(LOG, 'existing')
  try {
    linkSync(join(directory, DATABASE), join(scratch, DATABASE))
    await copy(file, scan, { disk, name: `${SCRATCH}/${LOG}` })
    const database = new DatabaseSync(join(scratch, DATABASE), { readOnly: true })
    try {
      return read((sql, ...parameters) => database.prepare(sql).all(...parameters))
    } finally {
      database.close()
    }
  } catch (error) {
    if (!isUnreadable(error)) throw error
    log.warn({ err: error }, 'what stands behind the damage cannot be read')
    return null
  } finally {
    await file.close()
    rmSync(scratch, { recursive: true })
  }
}

/** SQLite met pages that do not belong together, or the disk has no room for another log. */
const isUnreadable = (error: unknown): boolean =>
  error instanceof DiskError
    ? error.kind === 'full'
    : error instanceof Error && (error as { code?: unknown }).code === 'ERR_SQLITE_ERROR'
