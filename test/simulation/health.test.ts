/**
 * Which disks are gone, and what every indicator says of it: the health at the master and at every chunk server, the counts, the
 * lists of files, the explanation of each file, and `/readyz`. Compared with what a look at the disks gives. When the disks are
 * back, all of them say that all is well.
 */
import { type HealthView, type WeakState } from '@dfs/protocol'
import { SimDisk, type SimNode } from '@dfs/sim-runtime'
import { afterEach, describe, expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { contextAt, writeFile } from './sim-files.ts'

const CHUNK_BYTES = 64 * 1024
/** Among others in one record, several chunks, and more than a volume holds. */
const SIZES = [40, 5000, 3 * CHUNK_BYTES, 1_200_000]
/** The death of a server, and some heartbeats. */
const NOTICED_MS = 30_000
/** All copies of a server that starts anew are read, and volumes of few copies are replaced. */
const HEALED_MS = 90_000

let clusters: SimCluster[] = []
afterEach(() => {
  for (const cluster of clusters) cluster.end()
  clusters = []
})

const pass = ({ simulation }: SimCluster, ms: number): Promise<unknown> =>
  simulation.run({ untilMs: simulation.nowMs + ms })

async function started(seed: string): Promise<SimCluster> {
  const cluster = new SimCluster({ seed, chunkServers: 3 })
  clusters.push(cluster)
  await cluster.simulation.complete(() => cluster.start())
  // Volumes of the first moments may have two copies; they are replaced when all servers are known.
  await pass(cluster, 5000)
  for (const [index, size] of SIZES.entries()) {
    const content = cluster.simulation.random.fork(`/${index}`).bytes(size)
    const node = cluster.chunkNodes[index % 3]!
    const { copies } = await cluster.simulation.complete(() =>
      writeFile(cluster.server(node), `/${index}`, content),
    )
    expect(copies).toBe(3)
  }
  expect(await readiness(cluster)).toEqual({ whyNot: null, missing: null })
  return cluster
}

const readiness = ({ simulation, master }: SimCluster) => simulation.complete(() => master.readiness())

/** What every node that is up says. */
async function saidBy(cluster: SimCluster): Promise<HealthView[]> {
  const { simulation, chunkNodes, master } = cluster
  const servers = chunkNodes.flatMap((node) => cluster.serverIfUp(node) ?? [])
  return await simulation.complete(() =>
    Promise.all([master, ...servers].map((node) => node.namespace.viewHealth(contextAt(node)))),
  )
}

/** Resolves as soon as the master says so: what is missing may be made again soon afterwards. */
async function untilSaid(cluster: SimCluster, isSo: (view: HealthView) => boolean): Promise<void> {
  const { simulation, master } = cluster
  const endMs = simulation.nowMs + NOTICED_MS
  for (;;) {
    const view = await simulation.complete(() => master.namespace.viewHealth(contextAt(master)))
    if (isSo(view)) return
    expect(simulation.nowMs, JSON.stringify(view)).toBeLessThan(endMs)
    await pass(cluster, 200)
  }
}

const codesOf = ({ reasons }: HealthView): string[] => reasons.map(({ code }) => code)

async function listed(cluster: SimCluster, state: WeakState): Promise<string[]> {
  const { master, simulation } = cluster
  const page = await simulation.complete(() =>
    master.namespace.listWeakFiles({ state, after: null, filesMax: 100 }, contextAt(master)),
  )
  expect(page).toMatchObject({ total: page.files.length, next: null })
  return page.files.map(({ path }) => path)
}

/** Good copies of the weakest part of each file, as its explanation has it. */
async function explained(cluster: SimCluster): Promise<number[]> {
  const { master, simulation } = cluster
  const all = await simulation.complete(() =>
    Promise.all(
      SIZES.map((_, index) =>
        master.namespace.explain({ path: `/${index}`, fromByte: 0 }, contextAt(master)),
      ),
    ),
  )
  return all.map(({ good }) => good)
}

/** Takes the disks of these nodes away, with an empty one in the place of each, or nothing. */
async function take(cluster: SimCluster, nodes: readonly SimNode[], isReplaced: boolean): Promise<SimDisk[]> {
  const { simulation } = cluster
  const taken = nodes.map(({ disk }) => disk)
  for (const node of nodes) cluster.crash(node, 'power')
  if (!isReplaced) return taken
  for (const node of nodes) node.replaceDisk(new SimDisk(simulation.random.fork(`new disk of ${node.name}`)))
  await simulation.complete(() => Promise.all(nodes.map((node) => cluster.restart(node))))
  return taken
}

async function giveBack(
  cluster: SimCluster,
  nodes: readonly SimNode[],
  disks: readonly SimDisk[],
): Promise<void> {
  for (const [index, node] of nodes.entries()) {
    if (cluster.serverIfUp(node) !== null) cluster.crash(node, 'power')
    node.replaceDisk(disks[index]!)
  }
  await cluster.simulation.complete(() => Promise.all(nodes.map((node) => cluster.restart(node))))
}

const SUBSETS = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]
const ROWS = SUBSETS.flatMap((gone) => [true, false].map((isReplaced) => ({ gone, isReplaced })))
const PATHS = SIZES.map((_, index) => `/${index}`)

describe.each(ROWS)(
  'disks $gone are gone, empty ones in their place: $isReplaced',
  ({ gone, isReplaced }) => {
    test('every indicator says so, and that all is well when they are back', async () => {
      const cluster = await started(`health ${gone.join()} ${isReplaced}`)
      for (const view of await saidBy(cluster)) expect(view).toMatchObject({ state: 'healthy', reasons: [] })

      const nodes = gone.map((index) => cluster.chunkNodes[index]!)
      const disks = await take(cluster, nodes, isReplaced)
      const left = 3 - gone.length
      await untilSaid(cluster, ({ counts }) => counts!.byCopies.every(({ copies }) => copies === left))
      const isWritable = isReplaced || left >= 2
      for (const view of await saidBy(cluster)) {
        expect(view.state, codesOf(view).join()).toBe(left === 0 || !isWritable ? 'unavailable' : 'degraded')
        expect(codesOf(view)).toContain(left === 0 ? 'files-lost' : 'files-short')
        expect(codesOf(view).includes('server-gone'), 'server-gone').toBe(!isReplaced)
        expect(codesOf(view).includes('too-few-servers'), 'too-few-servers').toBe(!isReplaced)
        const { counts } = view
        expect(counts?.isEstimate).toBe(false)
        expect(counts!.byCopies.map(({ copies, files }) => [copies, files])).toEqual([[left, SIZES.length]])
      }
      expect(await listed(cluster, 'lost')).toEqual(left === 0 ? PATHS : [])
      expect(await listed(cluster, 'short')).toEqual(PATHS)
      expect(await explained(cluster)).toEqual(PATHS.map(() => left))
      const { missing } = await cluster.simulation.complete(() => cluster.master.readiness())
      expect(missing).toContain(left === 0 ? 'no good copy' : `${left} of 3 copies`)

      await giveBack(cluster, nodes, disks)
      await pass(cluster, HEALED_MS)
      for (const view of await saidBy(cluster)) {
        expect(view).toMatchObject({ state: 'healthy', reasons: [] })
        expect(view.counts!.byCopies.every(({ copies }) => copies >= 3)).toBe(true)
      }
      for (const state of ['lost', 'short'] as const) expect(await listed(cluster, state)).toEqual([])
      expect(Math.min(...(await explained(cluster)))).toBeGreaterThanOrEqual(3)
    })
  },
)

test('after a start of the master it is unknown until servers report, and well when all have', async () => {
  const cluster = await started('health after a start')
  const { simulation, masterNode } = cluster
  cluster.crash(masterNode, 'process')
  await simulation.complete(() => cluster.restart(masterNode))
  const { master } = cluster
  const view = await simulation.complete(() => master.namespace.viewHealth(contextAt(master)))
  expect([view.state, view.counts?.isEstimate]).toEqual(['unknown', true])
  await pass(cluster, 10_000)
  for (const later of await saidBy(cluster)) expect(later).toMatchObject({ state: 'healthy', reasons: [] })
})

test('chunk servers say that the master is away, and since when', async () => {
  const cluster = await started('health without a master')
  const { simulation, masterNode, chunkNodes } = cluster
  cluster.crash(masterNode, 'process')
  const atMs = cluster.server(chunkNodes[0]!).clock.wallMs()
  await pass(cluster, 5000)
  for (const node of chunkNodes) {
    const server = cluster.server(node)
    const view = await simulation.complete(() => server.namespace.viewHealth(contextAt(server)))
    expect(view).toMatchObject({
      state: 'unavailable',
      counts: null,
      reasons: [{ code: 'master-unreachable' }],
    })
    expect(Math.abs(view.reasons[0]!.sinceMs! - atMs)).toBeLessThan(2000)
  }
})
