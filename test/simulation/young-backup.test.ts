/**
 * The master's database is put back to a state of some seconds ago, after everything has lost power at once: what was
 * acknowledged since is in no metadata any more. If any of it is older than the window that docs/durability.md names, the
 * master is known for a restored backup and serves nobody. Each run draws what clients do, how old the backup is, and when the
 * power goes.
 */
import { type Namespace, parseFilePath, UNCONDITIONAL } from '@dfs/protocol'
import { type MetadataStore } from '@dfs/master'
import { type SimRandom } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { putFile } from './sim-files.ts'

const RUNS = Number(process.env['DFS_BACKUP_RUNS'] ?? 8)
const RUN_MS = 20_000
/** WITNESS_WITHIN_MS and what the slowest of the simulated disks takes for two small files. */
const WINDOW_MS = 250 + 100
const SETTLE_MS = 15_000
const CONTEXT = { requestId: 'x', deadlineMs: Infinity }

interface Acknowledged {
  readonly atMs: number
  readonly what: string
  /** Transactions that the answer stands on, at most. */
  readonly sequence: number
}

/** What the store says on a backup of the moment when it had made `sequence` transactions. */
const onBackup =
  (sequence: number) =>
  (real: MetadataStore): MetadataStore =>
    new Proxy(real, {
      get: (target, name) => {
        if (name === 'includes') return async (seen: { sequence: number }) => seen.sequence <= sequence
        const member: unknown = Reflect.get(target, name, target)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })

/** One change after the other, through any node; deletes and renames have no record that could tell of them. */
async function work(cluster: SimCluster, random: SimRandom, log: Acknowledged[]): Promise<void> {
  const { simulation, chunkNodes, masterNode } = cluster
  const { clock } = masterNode.runtime
  const quiet = random.chance(0.3)
  const choices = random.chance(0.5) ? (['put', 'put', 'delete', 'move'] as const) : (['delete'] as const)
  for (let count = 1; ; count += 1) {
    const server = cluster.server(chunkNodes[random.int(chunkNodes.length)]!)
    const namespace: Namespace = random.chance(0.3) ? cluster.master.namespace : server.namespace
    const kind = count % 2 === 1 ? 'put' : choices[random.int(choices.length)]!
    const path = parseFilePath(`/file ${Math.ceil(count / 2)}`)
    if (kind === 'put') await putFile(server, path, new Uint8Array(random.int(3000)))
    else if (kind === 'delete')
      await namespace.execute({ kind: 'delete', path, precondition: UNCONDITIONAL }, CONTEXT)
    else await namespace.execute({ kind: 'move', from: path, to: parseFilePath(`/to ${count}`) }, CONTEXT)
    const { sequence } = cluster.store.epoch()
    log.push({ atMs: simulation.nowMs, what: `${kind} ${path}`, sequence })
    await clock.sleep(random.int(quiet ? 2000 : 150))
  }
}

const whyNotReady = async ({ simulation, master }: SimCluster): Promise<string | null> =>
  (await simulation.complete(() => master.readiness())).whyNot

const expectServed = async (cluster: SimCluster): Promise<void> =>
  expect(await whyNotReady(cluster)).toBeNull()

/** `lost` was acknowledged, and is not in the metadata. */
async function expectNoneServed(cluster: SimCluster, lost: string): Promise<void> {
  expect(await whyNotReady(cluster), lost).toContain('restored backup')
  // One that has seen less may have been let in before the others came: it is told with its next heartbeat.
  for (const node of cluster.chunkNodes) {
    const server = cluster.serverIfUp(node)
    expect(server === null ? 'it starts' : server.readiness().whyNot, node.name).not.toBeNull()
  }
  const file = { path: parseFilePath('/file 1'), version: null, fromByte: 0, chunksMax: 1 }
  const asking = cluster.master.namespace.lookup({ by: 'path', ...file }, CONTEXT)
  const answer = asking.catch((error: unknown) => error)
  expect(await cluster.simulation.complete(() => answer)).toMatchObject({ code: 'UNAVAILABLE' })
}

test('one delete through the master, in no record and heard by no heartbeat, is missed after a power cut', async () => {
  const cluster = new SimCluster({ seed: 'delete through the master', chunkServers: 3 })
  const { simulation, masterNode, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), '/a', new Uint8Array(10)))
  // Until nobody has anything to write down any more.
  await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
  const { sequence } = cluster.store.epoch()
  const command = { kind: 'delete', path: parseFilePath('/a'), precondition: UNCONDITIONAL } as const
  await simulation.complete(() => cluster.master.namespace.execute(command, CONTEXT))
  await simulation.run({ untilMs: simulation.nowMs + WINDOW_MS })

  const nodes = [masterNode, ...chunkNodes]
  for (const node of nodes) cluster.crash(node, 'power')
  cluster.wrapStore = onBackup(sequence)
  for (const node of nodes) void cluster.restart(node)
  await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
  expect(await whyNotReady(cluster)).toContain('restored backup')
  cluster.end()
})

test.each(Array.from({ length: RUNS }, (_, run) => run))(
  'a backup that lacks what was acknowledged is refused by all (run %d)',
  async (run) => {
    const cluster = new SimCluster({ seed: `young backup ${run}`, chunkServers: 3 })
    const { simulation, masterNode, chunkNodes } = cluster
    const random = simulation.random.fork('young backup')
    await simulation.complete(() => cluster.start())
    await simulation.run({ untilMs: simulation.nowMs + 5000 })

    const acknowledged: Acknowledged[] = []
    const beganMs = simulation.nowMs
    const ends = beganMs + 2000 + random.int(RUN_MS)
    const backupMs = Math.max(beganMs, ends - random.int(random.chance(0.5) ? 1000 : RUN_MS))
    void work(cluster, random, acknowledged)
    await simulation.run({ untilMs: backupMs })
    const { sequence } = cluster.store.epoch()
    await simulation.run({ untilMs: ends })
    const last = cluster.store.epoch().sequence

    const nodes = [masterNode, ...chunkNodes]
    for (const node of nodes) cluster.crash(node, 'power')
    const lost = acknowledged.filter((one) => one.atMs > backupMs && one.sequence > sequence)
    const surely = lost.filter(({ atMs }) => atMs <= ends - WINDOW_MS)
    cluster.wrapStore = onBackup(sequence)
    for (const node of nodes) void cluster.restart(node)
    await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
    const [first] = surely
    if (first !== undefined) await expectNoneServed(cluster, `${first.what}, ${ends - first.atMs} ms before`)
    else if (last === sequence) await expectServed(cluster)

    for (const node of nodes) cluster.crash(node, 'process')
    cluster.wrapStore = (store) => store
    for (const node of nodes) void cluster.restart(node)
    await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
    expect(await whyNotReady(cluster), 'the newest copy').toBeNull()
    cluster.end()
  },
)
