/** What is said of stored contents that have not all their copies: how many, how large, and what became of the copies. */
import { formatAmount, formatBytes, formatNames } from '@dfs/core'
import { type CopyCondition, healthReason, type HealthReason } from '@dfs/protocol'
import { type Cell } from '../../metadata/copy-store.ts'
import { type ClusterFacts } from './facts.ts'
import { NEXT_OF_REMOVED, nextOfShort } from './outlook.ts'
import { type SeenServers } from './seen-servers.ts'

/** The bad copy was removed where the new one is to stand, or was on a server of which nothing is known any more. */
const NO_CAUSE = ': another copy is made next'
/** Causes that one text names at most. */
const NAMED_MAX = 3

/** One reason each for what is lost, was not seen, or is damaged in every copy; one for each number of copies that is too small. */
export function shortReasons(
  facts: Pick<ClusterFacts, 'tally' | 'seen' | 'hasMajority' | 'repair'>,
): HealthReason[] {
  const { seen } = facts
  const { cells, wanted } = facts.tally
  const having = (condition: Cell['condition']): Sum =>
    sumOf(cells.filter((cell) => cell.condition === condition))
  const [lost, notSeen, damaged] = [having('lost'), having('not-seen'), having('damaged')]
  const reasons: HealthReason[] = []
  if (lost.volumes > 0) {
    const text = `${amountOf(lost)} ${have(lost)} no good copy${causesOf(lost, seen)}`
    const next = [...lost.causes.keys()].every((id) => seen.isRemoved(id)) ? { next: NEXT_OF_REMOVED } : null
    const parts = { state: 'unavailable', text, ...about(lost, seen), copies: 0, ...next } as const
    reasons.push(healthReason('files-lost', parts))
  }
  if (notSeen.volumes > 0) {
    const text = `${amountOf(notSeen)} may have no copy${causesOf(notSeen, seen)}`
    reasons.push(
      healthReason('files-not-seen', { state: 'unknown', text, ...about(notSeen, seen), copies: 0 }),
    )
  }
  if (damaged.volumes > 0) {
    const text = `${amountOf(damaged)} ${have(damaged)} no copy that is whole, and parts may be unreadable${causesOf(damaged, seen)}`
    reasons.push(
      healthReason('files-damaged', { state: 'degraded', text, ...about(damaged, seen), copies: 0 }),
    )
  }
  for (let copies = 0; copies < wanted; copies += 1) {
    const having = cells.filter(({ good }) => good === copies)
    const [short, narrow] = [sumOf(having.filter(isShort)), sumOf(having.filter(isOnlyNarrow))]
    if (short.volumes > 0) {
      const what = copies === 0 ? 'no verified copy yet' : `${copies} of ${wanted} copies`
      const text = `${amountOf(short)} ${have(short)} ${what}${causesOf(short, seen) || NO_CAUSE}`
      const next = nextOfShort(facts)
      const parts = { state: 'degraded', text, ...about(short, seen), copies } as const
      reasons.push(healthReason('files-short', next === undefined ? parts : { ...parts, next }))
    }
    if (narrow.volumes > 0) {
      const text = `${amountOf(narrow)} ${have(narrow)} ${copies} of ${wanted} copies since fewer servers could take one`
      reasons.push(healthReason('files-narrow', { state: 'degraded', text, ...about(narrow, seen), copies }))
    }
  }
  return reasons
}

/** It has lost copies. What waits for them to be read, or heard of, is told of those. */
const isShort = ({ condition, isHopeful }: Cell): boolean =>
  (condition === 'short' || condition === 'unverified') && !isHopeful

/** It has all copies that it was made with. */
const isOnlyNarrow = ({ condition, isHopeful, isNarrow }: Cell): boolean =>
  condition === 'short' && isHopeful && isNarrow

interface Sum {
  readonly volumes: number
  readonly files: number
  readonly bytes: number
  readonly causes: ReadonlyMap<number, ReadonlySet<CopyCondition>>
}

function sumOf(cells: readonly Cell[]): Sum {
  const sum = { volumes: 0, files: 0, bytes: 0 }
  const causes = new Map<number, ReadonlySet<CopyCondition>>()
  for (const cell of cells) {
    sum.volumes += cell.volumes
    sum.files += cell.files
    sum.bytes += cell.bytes
    for (const [server, conditions] of cell.causes) {
      causes.set(server, (causes.get(server) ?? new Set()).union(conditions))
    }
  }
  return { ...sum, causes }
}

/** A part of a content that lies in several volumes is counted with the weakest of them: there may be bytes and no file. */
const amountOf = ({ files, bytes }: Sum): string =>
  files === 0 ? formatBytes(bytes) : `${formatAmount(files, 'file')} (${formatBytes(bytes)})`

const have = ({ files }: Sum): string => (files === 1 ? 'has' : 'have')

const about = ({ files, bytes, causes }: Sum, seen: SeenServers) => ({
  count: files,
  bytes,
  servers: [...causes.keys()].map((id) => seen.nameOf(id)),
})

/** With a colon before; nothing where all copies that there were are forgotten. */
function causesOf({ causes }: Sum, seen: SeenServers): string {
  if (causes.size === 0) return ''
  const phrases = [...causes].map(([id, conditions]) => causeOf(id, conditions, seen))
  return `: ${formatNames([...new Set(phrases)], NAMED_MAX)}`
}

const PHRASES: Readonly<Record<Exclude<CopyCondition, 'good'>, (server: string) => string>> = {
  'server-gone': (server) => `${server} is gone`,
  lost: (server) => `${server} started without its copies`,
  damaged: (server) => `copies on ${server} are damaged`,
  leaving: (server) => `copies leave ${server}`,
  copying: (server) => `copies are being made on ${server}`,
  verifying: (server) => `${server} reads its copies`,
  'not-heard': (server) => `${server} has not reported`,
}

function causeOf(id: number, conditions: ReadonlySet<CopyCondition>, seen: SeenServers): string {
  const [condition] = (Object.keys(PHRASES) as Exclude<CopyCondition, 'good'>[]).filter((each) =>
    conditions.has(each),
  )
  const isRemoved = condition === 'server-gone' && seen.isRemoved(id)
  return isRemoved ? `${seen.nameOf(id)} was removed` : PHRASES[condition!](diskOf(id, seen))
}

/** By its name; where another disk runs in its place by now, the earlier one is meant. */
function diskOf(id: number, seen: SeenServers): string {
  const server = seen.get(id)
  const isEarlier = server !== undefined && !seen.isThere(id) && seen.isReplaced(server)
  return isEarlier ? `an earlier disk of ${server.name}` : seen.nameOf(id)
}
