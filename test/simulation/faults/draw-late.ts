/**
 * Faults that come after the others have begun and most of the work is done, when a server is missing for long enough that copies are
 * made of what it had. They are drawn apart, so that they change nothing of the rest of a plan.
 */
import { type SimRandom } from '@dfs/sim-runtime'
import { type Fault, type FaultKind, type Harm, type NodeNumber } from './fault-plan.ts'

/** A death is noticed, waited for and made up for within this time. */
export const LATE_MS = 100_000

export const LATE_KINDS = [
  'server added',
  'crash during a copy',
  'return during a copy',
] as const satisfies readonly FaultKind[]

/** The share of plans that have some. */
const LATE_RATIO = 0.4
const ADDED_RATIO = 0.3
const REFUSED_RATIO = 0.4
/** Until then something has happened that makes copies necessary. */
const CAUSE_WITHIN_MS = 5000
const DAMAGED_BITS = 30

export interface LateOptions {
  readonly chunkServers: number
  /** Where the others end to begin. */
  readonly fromMs: number
  readonly firstId: number
}

export function drawLate(random: SimRandom, { chunkServers, fromMs, firstId }: LateOptions): Fault[] {
  const harms: (Harm & Pick<Fault, 'atMs' | 'lastsMs'>)[] = []
  if (random.chance(ADDED_RATIO)) {
    harms.push({ kind: 'server added', atMs: random.int(fromMs + CAUSE_WITHIN_MS), lastsMs: 0 })
  }
  if (random.chance(LATE_RATIO)) {
    harms.push({
      ...drawCause(random, chunkServers),
      atMs: fromMs + random.int(CAUSE_WITHIN_MS),
      lastsMs: LATE_MS,
    })
    // Who is gone may have the only other copy of what is wrong then.
    for (let left = random.int(3); left > 0; left -= 1) {
      const atMs = fromMs + CAUSE_WITHIN_MS + random.int(1000)
      harms.push({ ...drawDamage(random, chunkServers), atMs, lastsMs: 0 })
    }
    for (let left = 1 + random.int(3); left > 0; left -= 1) {
      const lastsMs = random.chance(0.2) ? 20_000 + random.int(10_000) : 50 + random.int(8000)
      harms.push({ ...drawCrash(random), atMs: fromMs + random.int(LATE_MS / 10), lastsMs })
    }
    if (random.chance(REFUSED_RATIO)) {
      const lastsMs = 10_000 + random.int(30_000)
      harms.push({ ...drawRefusal(random, chunkServers), atMs: fromMs + CAUSE_WITHIN_MS, lastsMs })
    }
  }
  return harms.map((harm, index) => ({ ...harm, id: firstId + index }))
}

/** Whether a plan has any but servers that are added. */
export const isLate = ({ atMs, kind }: Fault, fromMs: number): boolean =>
  atMs >= fromMs && kind !== 'server added'

function drawCause(random: SimRandom, servers: number): Harm {
  const node: NodeNumber = 1 + random.int(servers)
  const draw = random.int(10)
  // With as few there may be no other place for a copy.
  if (draw < (servers > 3 ? 2 : 8)) return { kind: 'emptied disk', node }
  if (draw < 5) return { kind: 'gone for good', node }
  return { kind: 'return during a copy', node, ...drawMiddle(random) }
}

/** What a server writes of copies is refused. */
const drawRefusal = (random: SimRandom, servers: number): Harm => ({
  kind: 'disk errors',
  nodes: [1 + random.int(servers)],
  operation: (['append', 'sync'] as const)[random.int(2)]!,
  error: (['io', 'full'] as const)[random.int(2)]!,
  files: 'logs',
  ratio: 1,
})

const drawDamage = (random: SimRandom, servers: number): Harm => ({
  kind: 'flipped bits',
  node: 1 + random.int(servers),
  at: Array.from({ length: DAMAGED_BITS }, () => random.fraction()),
})

const drawCrash = (random: SimRandom): Harm => ({
  kind: 'crash during a copy',
  who: (['target', 'target', 'source', 'master', 'master'] as const)[random.int(5)]!,
  power: random.chance(0.4),
  ...drawMiddle(random),
})

function drawMiddle(random: SimRandom): { slowMs: number; afterMs: number } {
  const slowMs = [100, 500, 2000][random.int(3)]!
  return { slowMs, afterMs: Math.floor(slowMs * [0.5, 1.5, 3.5][random.int(3)]!) }
}
