/**
 * What must have happened to the write-ahead log before SQLite opens it, which takes the first frame that does not add up
 * for the end and empties the log. Damage ends the start; a single turned bit is turned back, in a copy; and before a
 * torn transaction is forgotten, everything is copied aside: a disk that lost it later leaves the same picture as a power
 * cut, and only the chunk servers know whether it was acknowledged (R6).
 */
import { type Disk, DiskError } from '@dfs/core'
import { DfsError, MIB } from '@dfs/protocol'
import {
  type BitFlip,
  type DamagedLog,
  inspectLog,
  keepAside,
  type KeptReason,
  type LogScan,
  type LogState,
  mendLog,
  offsetOfFrame,
} from '@dfs/wal'
import { DATABASE, LOG, type ReadyLogDeps } from './files.ts'
import { describeLost } from '../sqlite/lost-writes.ts'

/** What is left free if the database is copied aside. */
const LEFT_FREE_BYTES = 64 * MIB
const EMPTY: LogState = Object.freeze({ kind: 'empty' })

/** Frames of a transaction that is forgotten; they are to be overwritten if the log cannot be emptied. */
export interface ForgottenTail {
  readonly from: number
  readonly to: number
}

/** Resolves when SQLite may open the log. Throws METADATA_DAMAGED, having changed nothing. */
export async function readyLog(deps: ReadyLogDeps): Promise<ForgottenTail | null> {
  let state = await inspect(deps)
  if (state.kind !== 'empty') await requireDatabase(deps)
  if (state.kind === 'damaged') {
    await mend(deps, state)
    state = await inspect(deps)
  }
  if (state.kind === 'damaged') throw new DfsError('METADATA_DAMAGED', 'a mended log is damaged again')
  return state.kind === 'torn' ? await keepTorn(deps, state.scan) : null
}

async function inspect({ disk }: ReadyLogDeps): Promise<LogState> {
  const size = await sizeOf(disk, LOG)
  if (size === 0) return EMPTY
  const file = await disk.open(LOG, 'existing')
  try {
    return await inspectLog(file)
  } finally {
    await file.close()
  }
}

/** Without its database SQLite deletes the log. */
async function requireDatabase({ disk }: ReadyLogDeps): Promise<void> {
  if ((await sizeOf(disk, DATABASE)) > 0) return
  throw new DfsError('METADATA_DAMAGED', `${LOG} is there, and ${DATABASE} is not: nothing was changed`)
}

async function mend(deps: ReadyLogDeps, damage: DamagedLog): Promise<void> {
  const { mend: flips } = damage
  if (flips === null) throw new DfsError('METADATA_DAMAGED', await describeLost(deps, damage))
  const { prefix } = await keep(deps, 'mended', [{ name: LOG, range: null }])
  await mendLog(deps.disk, LOG, flips)
  deps.log.error(
    { bits: flips.map(nameOfBit), kept: prefix + LOG },
    'the log of the metadata had turned bits: the only ones that explain it were turned back, and the original is kept',
  )
}

const nameOfBit = ({ at, mask }: BitFlip): string => `byte ${at}, bit ${Math.log2(mask)}`

async function keepTorn(deps: ReadyLogDeps, scan: LogScan): Promise<ForgottenTail> {
  const tail = {
    from: offsetOfFrame(scan.header, scan.intactFrames),
    to: offsetOfFrame(scan.header, scan.ownFrames),
  }
  const wholeBytes = (await sizeOf(deps.disk, DATABASE)) + (await sizeOf(deps.disk, LOG))
  const hasRoom = (await deps.disk.space()).freeBytes >= wholeBytes + LEFT_FREE_BYTES
  // Without room for everything, at least the pages that are forgotten: they are few.
  const files = hasRoom
    ? [DATABASE, LOG].map((name) => ({ name, range: null }))
    : [{ name: LOG, range: tail }]
  const { prefix } = await keep(deps, 'torn', files)
  deps.log.warn(
    { transactions: scan.intactTransactions, frames: scan.ownFrames - scan.intactFrames, kept: prefix },
    'the last transaction in the log of the metadata is not whole: the start goes on without it, and keeps a copy until every server has registered',
  )
  return tail
}

async function keep(
  { disk, nowWallMs }: ReadyLogDeps,
  reason: KeptReason,
  files: Parameters<typeof keepAside>[1]['files'],
): ReturnType<typeof keepAside> {
  try {
    return await keepAside(disk, { reason, nowWallMs, files })
  } catch (error) {
    if (!(error instanceof DiskError && error.kind === 'full')) throw error
    const detail = `the log of the metadata must be copied before the start, and the disk is full: make room`
    throw new DfsError('INSUFFICIENT_SPACE', detail, { cause: error })
  }
}

async function sizeOf(disk: Disk, name: string): Promise<number> {
  try {
    const file = await disk.open(name, 'existing')
    try {
      return await file.size()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'missing') return 0
    throw error
  }
}
