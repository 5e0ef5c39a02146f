/**
 * When a node of a cluster that starts says that it is ready: with volumes of all promised copies, or, half a minute later,
 * with what can be had. What it says then stays true: the very next write has those copies.
 */
import { START_WAIT_MS } from '@dfs/protocol'
import { type SimNode } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { writeFile } from './sim-files.ts'

/** Within which a cluster of which nothing is missing is ready: servers that wait for each other, and some heartbeats. */
const SOON_MS = 5000
const READY = { whyNot: null, missing: null }

const clusterOf = (chunkServers: number, replicas = 3): SimCluster =>
  new SimCluster({
    seed: `ready of ${chunkServers}`,
    chunkServers,
    replicas,
    minReplicas: Math.min(2, replicas),
  })

/** What the nodes say, the master first. */
async function said(cluster: SimCluster): Promise<{ whyNot: string | null; missing: string | null }[]> {
  const servers = cluster.chunkNodes.flatMap((node) => cluster.serverIfUp(node) ?? [])
  const master = await cluster.simulation.complete(() => cluster.master.readiness())
  return [master, ...servers.map((server) => server.readiness())]
}

/** Lets time pass until every node says that it is ready; how long that took. */
async function untilReady(cluster: SimCluster): Promise<number> {
  const { simulation } = cluster
  const fromMs = simulation.nowMs
  while ((await said(cluster)).some(({ whyNot }) => whyNot !== null)) {
    if (simulation.nowMs - fromMs > 2 * START_WAIT_MS) throw new Error(JSON.stringify(await said(cluster)))
    await simulation.run({ untilMs: simulation.nowMs + 50 })
  }
  return simulation.nowMs - fromMs
}

async function copiesOf(cluster: SimCluster, node: SimNode, path: string, size: number): Promise<number> {
  const write = (): ReturnType<typeof writeFile> =>
    writeFile(cluster.server(node), path, new Uint8Array(size))
  return (await cluster.simulation.complete(write)).copies
}

/** Starts the master, then one chunk server after the other, with pauses. */
async function startSlowly(cluster: SimCluster, pauseMs: number): Promise<void> {
  const { simulation } = cluster
  await simulation.complete(() => cluster.startMaster())
  for (const node of cluster.chunkNodes) {
    await simulation.complete(() => cluster.startChunkServer(node))
    await simulation.run({ untilMs: simulation.nowMs + pauseMs })
  }
}

async function expectCopies(cluster: SimCluster, copies: number): Promise<void> {
  for (const node of cluster.chunkNodes) {
    for (const size of [100, 300_000]) {
      expect(await copiesOf(cluster, node, `/${node.name}/${size}`, size), node.name).toBe(copies)
    }
  }
}

test.each([
  [3, 0],
  [3, 300],
  [3, 1100],
  [5, 40],
  [9, 40],
])('%i servers that start %i ms apart: the first writes have three copies', async (count, pauseMs) => {
  const cluster = clusterOf(count)
  await startSlowly(cluster, pauseMs)
  expect(await untilReady(cluster)).toBeLessThan(SOON_MS)
  expect(await said(cluster)).toEqual(Array.from({ length: count + 1 }, () => READY))
  await expectCopies(cluster, 3)
  cluster.end()
})

test('one server of one copy is ready at once', async () => {
  const cluster = clusterOf(1, 1)
  await startSlowly(cluster, 0)
  expect(await untilReady(cluster)).toBeLessThan(SOON_MS)
  await expectCopies(cluster, 1)
  cluster.end()
})

test('two servers of three copies wait for the third, for half a minute, and say what is missing', async () => {
  const cluster = clusterOf(2)
  await startSlowly(cluster, 0)
  const startedMs = cluster.simulation.nowMs
  await cluster.simulation.run({ untilMs: startedMs + START_WAIT_MS - 2000 })
  const missing = 'writes get 2 of 3 copies: 2 chunk servers have registered'
  const waiting = { whyNot: `starting: ${missing}`, missing: null }
  expect(await said(cluster)).toEqual([waiting, waiting, waiting])
  await untilReady(cluster)
  expect(cluster.simulation.nowMs - startedMs).toBeLessThan(START_WAIT_MS + 2000)
  const ready = { whyNot: null, missing }
  expect(await said(cluster)).toEqual([ready, ready, ready])
  await expectCopies(cluster, 2)
  cluster.end()
})

test('a server alone, where two copies are needed, is never ready', async () => {
  const cluster = clusterOf(1, 3)
  await startSlowly(cluster, 2 * START_WAIT_MS)
  const whyNot = 'starting: writes are refused, 2 usable chunk servers are needed and there are 1'
  for (const one of await said(cluster)) expect(one.whyNot).toContain(whyNot)
  cluster.end()
})

test('what was ready stays so when copies are lost, and a server that starts again waits only for what there is', async () => {
  const cluster = clusterOf(3)
  const { simulation, chunkNodes } = cluster
  await startSlowly(cluster, 0)
  await untilReady(cluster)
  cluster.crash(chunkNodes[2]!, 'process')
  await simulation.run({ untilMs: simulation.nowMs + 60_000 })
  const ready = { whyNot: null, missing: 'writes get 2 of 3 copies: chunk-server-3 is dead' }
  expect(await said(cluster)).toEqual([ready, ready, ready])
  await simulation.complete(() => cluster.restart(chunkNodes[2]!))
  expect(await untilReady(cluster)).toBeLessThan(SOON_MS)
  await simulation.run({ untilMs: simulation.nowMs + SOON_MS })
  expect(await said(cluster)).toEqual([READY, READY, READY, READY])
  cluster.end()
})

test('a master that starts again is ready with the volumes that are open', async () => {
  const cluster = clusterOf(3)
  await startSlowly(cluster, 0)
  await untilReady(cluster)
  cluster.crash(cluster.masterNode, 'process')
  await cluster.simulation.complete(() => cluster.restart(cluster.masterNode))
  expect(await untilReady(cluster)).toBeLessThan(SOON_MS)
  cluster.end()
})
