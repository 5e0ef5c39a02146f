/**
 * The master's machine is lost, or cut off, while clients write (R25): what copies of the metadata are left on any two of the three
 * holders, and when an old master stops. What holders do otherwise, and that all copies come to the master's rows at rest, is looked at in
 * each run of drawn faults (invariants/metadata-copies.ts).
 */
import { comparePositions } from '@dfs/metadata-copy'
import { beginHistory, callMethod, DfsError, MASTER_SILENT_MS, parseFilePath } from '@dfs/protocol'
import { HEALTHY_LINK, simNode, type SimNode, type SimRandom } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { heldMetadata, rowsHeld } from './ledger/held-metadata.ts'
import { SimCluster } from './sim-cluster.ts'
import { contextAt, putFile } from './sim-files.ts'

const RUNS = Number(process.env['DFS_METADATA_COPY_RUNS'] ?? 6)
const RUN_MS = 20_000
/** The time between two pieces, and what the slowest of the simulated disks takes. */
const WITHIN_MS = 1000

interface Acknowledged {
  readonly path: string
  readonly atMs: number
}

/** One file after the other through any server that is up. */
async function work(cluster: SimCluster, random: SimRandom, log: Acknowledged[]): Promise<void> {
  const { clock } = cluster.masterNode.runtime
  for (let count = 1; ; count += 1) {
    const server = cluster.serverIfUp(cluster.chunkNodes[random.int(3)]!)
    const path = `/file-${count}`
    const isDone = await (server === null ? null : putFile(server, path, new Uint8Array(10)))?.then(
      () => true,
      () => false,
    )
    if (isDone === true) log.push({ path, atMs: cluster.simulation.nowMs })
    await clock.sleep(random.int(200))
  }
}

/** The newest of the copies that are left on these. */
const newestOf = (nodes: readonly SimNode[]) =>
  nodes
    .map(({ disk }) => heldMetadata(disk))
    .filter((held) => held !== null)
    .toSorted((one, other) => comparePositions(other.position, one.position))[0]

async function expectAll(nodes: readonly SimNode[], acknowledged: readonly Acknowledged[]): Promise<void> {
  const held = newestOf(nodes)
  expect(held, 'there is a copy').toBeDefined()
  const rows = await rowsHeld(held!)
  const missing = acknowledged.filter(({ path }) => !rows.includes(`\\"${path.slice(1)}\\"`))
  expect(missing.map(({ path }) => path)).toEqual([])
}

const pairsOf = (nodes: readonly SimNode[]): SimNode[][] =>
  nodes.map((left) => nodes.filter((node) => node !== left))

test.each(Array.from({ length: RUNS }, (_, run) => ({ run, isAwaited: run % 2 === 1 })))(
  'any two holders have what was acknowledged before the master was lost (run $run, all of it: $isAwaited)',
  async ({ run, isAwaited }) => {
    const metadataCopies = { everyMs: 250, changesKeptBytes: run % 3 === 0 ? 10_000 : 2 ** 24, isAwaited }
    const cluster = new SimCluster({ seed: `metadata copies ${run}`, chunkServers: 3, metadataCopies })
    const { simulation, masterNode, chunkNodes } = cluster
    const random = simulation.random.fork('metadata copies')
    await simulation.complete(() => cluster.start())
    await simulation.run({ untilMs: simulation.nowMs + 5000 })
    const acknowledged: Acknowledged[] = []
    const beganMs = simulation.nowMs
    void work(cluster, random, acknowledged)
    await simulation.run({ untilMs: beganMs + 2000 + random.int(RUN_MS / 2) })
    // One of them dies on the way, and comes back in half of the runs.
    const [dying] = chunkNodes
    cluster.crash(dying!, 'power')
    await simulation.run({ untilMs: simulation.nowMs + random.int(RUN_MS / 4) })
    if (random.chance(0.5)) void cluster.restart(dying!)
    await simulation.run({ untilMs: beganMs + RUN_MS })

    for (const node of [masterNode, ...chunkNodes]) cluster.crash(node, 'power')
    const lostMs = simulation.nowMs
    expect(acknowledged.length).toBeGreaterThan(20)
    const promised = acknowledged.filter(({ atMs }) => isAwaited || atMs < lostMs - WITHIN_MS)
    for (const pair of pairsOf(chunkNodes)) await expectAll(pair, promised)
    cluster.end()
  },
)

test('a master that is cut off from most holders refuses changes within seconds, and takes them again when it is not', async () => {
  const cluster = new SimCluster({ seed: 'cut off', chunkServers: 5, minReplicas: 1 })
  const { simulation, masterNode, network } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const { counting } = cluster.store.holding.sets()
  const nameOf = (server: number): string => cluster.master.servers().find(({ id }) => id === server)!.name
  const cutOff = counting.slice(0, 2).map(nameOf)
  for (const name of cutOff) {
    network.setLink(masterNode.name, name, { ...HEALTHY_LINK, isCut: true })
    network.setLink(name, masterNode.name, { ...HEALTHY_LINK, isCut: true })
  }
  const acknowledgedMs: number[] = []
  const refused: unknown[] = []
  const beganMs = simulation.nowMs
  const { namespace } = cluster.master
  for (let count = 0; count < 60; count += 1) {
    const path = parseFilePath(`/directory-${count}`)
    await simulation
      .complete(() => namespace.execute({ kind: 'makeDirectory', path }, contextAt(cluster.master)))
      .then(
        () => acknowledgedMs.push(simulation.nowMs - beganMs),
        (error: unknown) => refused.push(error),
      )
    await simulation.run({ untilMs: simulation.nowMs + 250 })
  }
  expect(acknowledgedMs.at(-1)).toBeGreaterThan(4000)
  expect(acknowledgedMs.at(-1)).toBeLessThan(6000)
  expect(refused.length).toBeGreaterThan(20)
  for (const error of refused) {
    expect(error).toBeInstanceOf(DfsError)
    expect(error).toMatchObject({ code: 'UNAVAILABLE' })
  }
  const health = await simulation.complete(() => namespace.viewHealth(contextAt(cluster.master)))
  expect(health.reasons[0]).toMatchObject({ code: 'metadata-fenced', state: 'unavailable' })

  network.heal()
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const path = parseFilePath('/after')
  await simulation.complete(() =>
    namespace.execute({ kind: 'makeDirectory', path }, contextAt(cluster.master)),
  )
  cluster.end()
})

test('an old master that is back among holders of a new history acknowledges nothing', async () => {
  const cluster = new SimCluster({ seed: 'old master', chunkServers: 3 })
  const { simulation, chunkNodes, masterNode, network } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const taken = chunkNodes.slice(0, 2)
  for (const { name } of taken) {
    network.setLink(masterNode.name, name, { ...HEALTHY_LINK, isCut: true })
    network.setLink(name, masterNode.name, { ...HEALTHY_LINK, isCut: true })
  }
  await simulation.run({ untilMs: simulation.nowMs + MASTER_SILENT_MS + 1000 })
  const { transport } = simNode(network, 'whoever recovers').runtime
  const request = {
    clusterId: cluster.store.clusterId,
    epoch: { counter: 1000, nonce: 'ab'.repeat(8), sequence: 1_000_000 },
  }
  for (const { name } of taken) {
    await simulation.complete(() => callMethod(transport, name, beginHistory, request, { timeoutMs: 1000 }))
  }
  network.heal()
  await simulation.run({ untilMs: simulation.nowMs + 10_000 })
  const command = { kind: 'makeDirectory', path: parseFilePath('/lost') } as const
  await expect(
    simulation.complete(() => cluster.master.namespace.execute(command, contextAt(cluster.master))),
  ).rejects.toThrow(/newer start of the master is obeyed by 2 of 3 holders/)
  cluster.end()
})
