/**
 * Draws a plan from a seed. Each run has a choice of kinds, not all of them: faults that hide each other (what is down all the
 * time is never damaged) then have runs without each other.
 */
import { type DiskOperation, type SimRandom } from '@dfs/sim-runtime'
import { drawLate, LATE_KINDS } from './draw-late.ts'
import { type Fault, type FaultKind, type Harm, type NodeNumber, type Way } from './fault-plan.ts'

export interface PlanOptions {
  readonly chunkServers: number
  readonly faultsCount: number
  /** Faults begin within this time. */
  readonly overMs: number
}

/** One way to draw a fault, with the number of chances that it has among all. */
interface Recipe<Kind extends FaultKind = FaultKind> {
  readonly weight: number
  readonly draw: (random: SimRandom, servers: number) => HarmOf<Kind>
}

type HarmOf<Kind extends FaultKind> = Harm & { readonly kind: Kind }

export function drawPlan(random: SimRandom, options: PlanOptions): Fault[] {
  const { chunkServers, faultsCount: firstId, overMs: fromMs } = options
  return [...drawUsual(random, options), ...drawLate(random.fork('late'), { chunkServers, fromMs, firstId })]
}

function drawUsual(random: SimRandom, { chunkServers, faultsCount, overMs }: PlanOptions): Fault[] {
  const all: Recipe[] = Object.values(RECIPES)
  const chosen = all.filter(() => random.chance(0.6))
  const recipes = chosen.length > 0 ? chosen : all
  const faults = Array.from({ length: faultsCount }, (_, id) => ({
    ...pickWeighted(recipes, random).draw(random, chunkServers),
    id,
    atMs: random.int(overMs),
    // Short of, around, and beyond the time after which a server counts as dead.
    lastsMs: random.chance(0.2) ? 20_000 + random.int(10_000) : 50 + random.int(8000),
  }))
  if (faultsCount > FEW || faults.some(({ kind }) => SURE.has(kind))) return faults
  const { id, atMs, lastsMs } = faults.at(-1)!
  return faults.with(-1, { ...RECIPES.crash.draw(random, chunkServers), id, atMs, lastsMs })
}

/** So few faults may all meet nothing, and a run without any fault proves nothing: one of them is of these kinds. */
const FEW = 4
const SURE: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'crash',
  'orderly restart',
  'pause',
  'swapped disks',
  'clock jump',
])

const anyNode = (random: SimRandom, servers: number): NodeNumber => random.int(servers + 1)
const anyServer = (random: SimRandom, servers: number): NodeNumber => 1 + random.int(servers)
const allServers = (servers: number): NodeNumber[] => Array.from({ length: servers }, (_, index) => index + 1)

function someServers(random: SimRandom, servers: number): NodeNumber[] {
  const some = allServers(servers).filter(() => random.chance(0.5))
  return some.length > 0 ? some : [anyServer(random, servers)]
}

function twoOf(random: SimRandom, nodes: readonly NodeNumber[]): [NodeNumber, NodeNumber] {
  const first = nodes[random.int(nodes.length)]!
  const rest = nodes.filter((node) => node !== first)
  return [first, rest[random.int(rest.length)]!]
}

const pick = <T>(random: SimRandom, items: readonly T[]): T => items[random.int(items.length)]!

/** All ways between the nodes of two groups. */
const between = (left: readonly NodeNumber[], right: readonly NodeNumber[]): Way[] =>
  left.flatMap((from) => right.map((to): Way => [from, to]))

const allWays = (servers: number): Way[] => {
  const nodes = [0, ...allServers(servers)]
  return between(nodes, nodes).filter(([from, to]) => from !== to)
}

/** Two groups that have all nodes between them; neither is empty. */
function drawHalves(random: SimRandom, nodes: readonly NodeNumber[]): [NodeNumber[], NodeNumber[]] {
  const drawn = nodes.filter(() => random.chance(0.5))
  const half = drawn.length > 0 && drawn.length < nodes.length ? drawn : [pick(random, nodes)]
  return [half, nodes.filter((node) => !half.includes(node))]
}

function drawCut(random: SimRandom, servers: number): HarmOf<'cut'> {
  const nodes = [0, ...allServers(servers)]
  const one = anyNode(random, servers)
  const others = nodes.filter((node) => node !== one)
  const [half, rest] = drawHalves(random, nodes)
  const pair = twoOf(random, nodes)
  const shapes: readonly { shape: string; ways: Way[] }[] = [
    { shape: 'one node', ways: [...between([one], others), ...between(others, [one])] },
    { shape: 'one node is deaf', ways: between(others, [one]) },
    { shape: 'one node is mute', ways: between([one], others) },
    { shape: 'halves', ways: [...between(half, rest), ...between(rest, half)] },
    { shape: 'halves one way', ways: between(half, rest) },
    { shape: 'pair', ways: [pair, [pair[1], pair[0]]] },
    { shape: 'pair one way', ways: [pair] },
  ]
  return { kind: 'cut', ...pick(random, shapes) }
}

/** The ways of one node, of one pair, or all. */
function drawWays(random: SimRandom, servers: number): Way[] {
  const ways = allWays(servers)
  const one = anyNode(random, servers)
  const choices = [ways, ways.filter(([from, to]) => from === one || to === one), [pick(random, ways)]]
  return pick(random, choices)
}

/** What may find no room: a disk that gives blocks out late says so only when it is told to sync. */
const FILLING: ReadonlySet<DiskOperation['kind']> = new Set(['append', 'write', 'sync'])
const LOG_OPERATIONS = ['append', 'write', 'sync', 'read', 'open'] as const
const STATE_OPERATIONS = ['append', 'sync', 'read', 'rename', 'syncDirectory', 'remove', 'open'] as const

function drawDiskErrors(random: SimRandom, servers: number): HarmOf<'disk errors'> {
  const files = pick(random, ['logs', 'logs', 'states', 'all'] as const)
  const operation = pick(random, files === 'states' ? STATE_OPERATIONS : LOG_OPERATIONS)
  const isFull = FILLING.has(operation) && random.chance(0.5)
  return {
    kind: 'disk errors',
    nodes: random.chance(0.15) ? allServers(servers) : [anyServer(random, servers)],
    operation,
    error: isFull ? 'full' : 'io',
    files,
    ratio: pick(random, [1, 0.3, 0.05]),
  }
}

/** Every kind has one that is not drawn apart: the compiler asks for it. */
const RECIPES: { readonly [Kind in Exclude<FaultKind, (typeof LATE_KINDS)[number]>]: Recipe<Kind> } = {
  crash: {
    weight: 4,
    draw: (random, servers) => {
      const nodes = [
        [anyServer(random, servers)],
        [anyServer(random, servers)],
        [0],
        someServers(random, servers),
        allServers(servers),
        [0, ...allServers(servers)],
      ]
      return { kind: 'crash', nodes: pick(random, nodes), power: random.chance(0.6) }
    },
  },
  pause: {
    weight: 2,
    draw: (random, servers) => ({
      kind: 'pause',
      nodes: random.chance(0.8) ? [anyNode(random, servers)] : someServers(random, servers),
    }),
  },
  cut: { weight: 4, draw: drawCut },
  loss: {
    weight: 1,
    draw: (random, servers) => ({
      kind: 'loss',
      ways: drawWays(random, servers),
      change: { lossRatio: pick(random, [0.01, 0.05, 0.3]) },
    }),
  },
  duplicates: {
    weight: 2,
    draw: (random, servers) => ({
      kind: 'duplicates',
      ways: drawWays(random, servers),
      change: { duplicateRatio: pick(random, [0.05, 0.5]) },
    }),
  },
  reordering: {
    weight: 1,
    draw: (random, servers) => ({
      kind: 'reordering',
      ways: drawWays(random, servers),
      change: { reorderRatio: 0.2, reorderMs: pick(random, [20, 300, 3000]) },
    }),
  },
  'slow links': {
    weight: 1,
    draw: (random, servers) => ({
      kind: 'slow links',
      ways: drawWays(random, servers),
      change: { latencyMsMax: pick(random, [20, 500, 3000]), bytesPerMs: pick(random, [100, 5000]) },
    }),
  },
  'disk errors': { weight: 4, draw: drawDiskErrors },
  'slow disk': {
    weight: 2,
    draw: (random, servers) => ({
      kind: 'slow disk',
      node: anyServer(random, servers),
      operation: pick(random, ['sync', 'append', 'read', 'rename'] as const),
      extraMs: pick(random, [50, 2500, 8000]),
      ratio: pick(random, [1, 0.1]),
    }),
  },
  'wrong reads': {
    weight: 1,
    draw: (random, servers) => ({
      kind: 'wrong reads',
      node: anyServer(random, servers),
      ratio: pick(random, [1, 0.2]),
    }),
  },
  'flipped bits': {
    weight: 4,
    draw: (random, servers) => ({
      kind: 'flipped bits',
      node: anyServer(random, servers),
      at: Array.from({ length: pick(random, [1, 3, 20]) }, () => random.fraction()),
    }),
  },
  'flipped state': {
    weight: 1,
    draw: (random, servers) => ({
      kind: 'flipped state',
      node: anyServer(random, servers),
      at: random.fraction(),
    }),
  },
  'flipped identity': {
    weight: 1,
    draw: (random, servers) => ({
      kind: 'flipped identity',
      node: anyServer(random, servers),
      at: random.fraction(),
    }),
  },
  'orderly restart': {
    weight: 2,
    draw: (random, servers) => ({
      kind: 'orderly restart',
      nodes: random.chance(0.8) ? [anyNode(random, servers)] : [0, ...allServers(servers)],
    }),
  },
  'lost writes': {
    weight: 1,
    draw: (random, servers) => ({ kind: 'lost writes', node: anyServer(random, servers), ratio: 0.2 }),
  },
  'misdirected writes': {
    weight: 1,
    draw: (random, servers) => ({
      kind: 'misdirected writes',
      node: anyServer(random, servers),
      ratio: 0.2,
    }),
  },
  'swapped disks': {
    weight: 1,
    draw: (random, servers) => ({ kind: 'swapped disks', nodes: twoOf(random, allServers(servers)) }),
  },
  'emptied disk': {
    weight: 1,
    draw: (random, servers) => ({ kind: 'emptied disk', node: anyServer(random, servers) }),
  },
  'gone for good': {
    weight: 1,
    draw: (random, servers) => ({ kind: 'gone for good', node: anyServer(random, servers) }),
  },
  'older disk': {
    weight: 2,
    draw: (random, servers) => ({
      kind: 'older disk',
      node: anyServer(random, servers),
      downMs: pick(random, [0, 300, 5000]),
    }),
  },
  'clock jump': {
    weight: 1,
    draw: (random, servers) => ({
      kind: 'clock jump',
      node: anyNode(random, servers),
      byMs: pick(random, [-1, 1]) * pick(random, [2000, 3_600_000, 10 * 365 * 86_400_000]),
    }),
  },
  'clock drift': {
    weight: 1,
    draw: (random, servers) => ({
      kind: 'clock drift',
      node: anyNode(random, servers),
      rate: pick(random, [0.5, 0.9, 1.1, 3]),
    }),
  },
}

export const FAULT_KINDS = [...Object.keys(RECIPES), ...LATE_KINDS] as readonly FaultKind[]

function pickWeighted(recipes: readonly Recipe[], random: SimRandom): Recipe {
  let draw = random.int(recipes.reduce((sum, { weight }) => sum + weight, 0))
  for (const recipe of recipes) {
    draw -= recipe.weight
    if (draw < 0) return recipe
  }
  return recipes[0]!
}
