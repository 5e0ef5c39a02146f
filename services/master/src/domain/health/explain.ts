/** Why a file is as it is: the way from its version to the copies of its bytes, in words. Pure: rows in, explanation out. */
import { formatAmount } from '@dfs/core'
import {
  type CopyCondition,
  EXPLAINED_CHUNKS_MAX,
  type ExplainedCopy,
  type ExplainedPart,
  type Explanation,
  type FileInfo,
  formatEtag,
  formatId,
} from '@dfs/protocol'
import { type Grade } from '../../metadata/copy-store.ts'
import { type ChunkRow } from '../metadata/rows.ts'
import { type Replica, type Volume } from '../metadata/volume.ts'
import { conditionOf, gradeOfVolume, weaker } from './condition.ts'
import { type SeenServers } from './seen-servers.ts'

export interface FileToExplain {
  readonly path: string
  readonly info: FileInfo
  /** Those asked for, in order: at most EXPLAINED_CHUNKS_MAX. */
  readonly chunks: readonly ChunkRow[]
  readonly volumeOf: (id: number) => Volume
}

export function explainFile(
  { path, info, chunks, volumeOf }: FileToExplain,
  { seen, wanted }: { readonly seen: SeenServers; readonly wanted: number },
): Explanation {
  const runs = runsOf(chunks)
  const explained = runs.map((run) => explainPart(run, volumeOf(run.volume), { seen, wanted }))
  const weakest = explained.map(({ grade }) => grade).reduce<Grade>(weaker, WHOLE)
  const { good, condition } = explained.length === 0 ? { good: 0, condition: 'whole' as const } : weakest
  const last = chunks.at(-1)
  const end = last === undefined ? info.size : last.start + last.length
  return {
    path,
    etag: formatEtag(info.version),
    size: info.size,
    promised: info.copies,
    wanted,
    condition,
    good,
    says: sentenceOf(explained.length, weakest, wanted),
    parts: explained.map(({ part }) => part),
    next: chunks.length === EXPLAINED_CHUNKS_MAX && end < info.size ? end : null,
  }
}

const WHOLE: Grade = { good: Infinity, condition: 'whole', isHopeful: true, isNarrow: false }

/** Chunks that follow each other in one volume. */
interface Run {
  readonly volume: number
  readonly start: number
  length: number
  chunks: number
}

function runsOf(chunks: readonly ChunkRow[]): Run[] {
  const runs: Run[] = []
  for (const { volume, start, length } of chunks) {
    const before = runs.at(-1)
    if (before?.volume === volume) {
      before.length += length
      before.chunks += 1
    } else {
      runs.push({ volume, start, length, chunks: 1 })
    }
  }
  return runs
}

function explainPart(
  run: Run,
  volume: Volume,
  { seen, wanted }: { readonly seen: SeenServers; readonly wanted: number },
): { readonly part: ExplainedPart; readonly grade: Grade } {
  const copies = volume.replicas.map((copy) => explainCopy(volume, copy, seen))
  const grade = gradeOfVolume(volume, seen, wanted)
  const { good, condition } = grade
  const where = { ...run, volume: formatId(run.volume), volumeState: volume.state }
  return { part: { ...where, condition, good, copies }, grade }
}

function explainCopy(volume: Volume, copy: Replica, seen: SeenServers): ExplainedCopy {
  const condition = conditionOf(copy, seen)
  const server = seen.nameOf(copy.server)
  const isRemoved = condition === 'server-gone' && seen.isRemoved(copy.server)
  const [says, next] = isRemoved
    ? wordsOfRemoved(server)
    : wordsOf(condition, server, volume.state === 'open')
  return { server, serverId: copy.server, condition, says, next }
}

/** The cause, and what happens next. */
function wordsOf(condition: CopyCondition, server: string, isOpen: boolean): readonly [string, string] {
  switch (condition) {
    case 'good':
      return isOpen
        ? ['synced; the volume is open', 'it is verified when the volume is sealed']
        : ['synced, and right as far as it was read', 'nothing']
    case 'verifying':
      return [
        `${server} has it, and has not read it since its start`,
        'it is read in the background, and counts then',
      ]
    case 'not-heard':
      return [
        `${server} has not reported since the master started`,
        'it counts when its server has reported it whole',
      ]
    case 'server-gone':
      return [
        `${server} is gone`,
        'another one is made if a server has room; this one is of use again when that disk is back',
      ]
    case 'damaged':
      return [
        `the copy on ${server} is damaged, or lost a write`,
        'it is mended from other copies if it can be; after a failed write another one is made',
      ]
    case 'lost':
      return [
        `${server} started without it`,
        'another one is made if a server has room; this one counts again if it turns up',
      ]
    case 'leaving':
      return [`it is being removed from ${server}`, 'its place is freed']
    case 'copying':
      return [`it is being made on ${server}`, 'it counts when all of it is there and was read back']
  }
}

const wordsOfRemoved = (server: string): readonly [string, string] => [
  `${server} was removed as gone for good`,
  'another one is made if there is any other copy; this one does not come back',
]

function sentenceOf(partsCount: number, { good, condition }: Grade, wanted: number): string {
  if (partsCount === 0) return 'It has no bytes, and needs no copy.'
  switch (condition) {
    case 'whole':
      return `It has all ${formatAmount(wanted, 'copy', 'copies')}.`
    case 'short':
      return `It can be read; its weakest part has ${good} of ${wanted} copies.`
    case 'unverified':
      return 'It can probably be read; some part has no copy that was verified since a start.'
    case 'damaged':
      return 'Some part has damaged copies only: it can be read unless all of them are wrong in the same place of it.'
    case 'not-seen':
      return 'Not known: no server with a copy of some part has reported since the master started.'
    case 'lost':
      return 'It cannot be read: some part has no good copy.'
  }
}
