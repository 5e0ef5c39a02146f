/**
 * A server with a master that orders much of it: whatever its disk takes for that, its heartbeats go on, since a server that is
 * silent counts as dead. And a server with many copies, which registers in pages.
 */
import { crc32, createHasher } from '@dfs/node-runtime'
import {
  type ClusterSettings,
  DfsError,
  FEATURE_LEVEL,
  heartbeat,
  HEARTBEAT_MS,
  type HeartbeatReply,
  type HeartbeatRequest,
  HISTORY_STARTS,
  makeId,
  methodHandler,
  type Order,
  ORDERS_PER_REPLY_MAX,
  register,
  type RegisterRequest,
  reportCopies,
  type ReportCopiesRequest,
  REPORTS_PER_PAGE_MAX,
  serveMethod,
} from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { VOLUMES_DIRECTORY } from '@dfs/volume'
import { beforeEach, expect, it } from 'vitest'
import { startChunkServer } from '../src/chunk-server.ts'
import { ServerIdentity } from '../src/identity/identity.ts'
import { VolumeStore } from '../src/volume/volume-store.ts'
import { storeDeps } from './store-deps.ts'

const EPOCH = { counter: 5, nonce: '0123456789abcdef', sequence: 1 }
const SERVER = 3
const SETTINGS: ClusterSettings = {
  replicas: 3,
  minReplicas: 2,
  chunkSizeBytes: 1024,
  volumeSizeBytes: 65_536,
}
const SLOW_REMOVAL_MS = 100
/** What a call takes here and back, and to look at the free space before. */
const CALL_MS = 100

const volumeOf = (index: number): number => makeId(1, index + 1)
const replicaOf = (volume: number): number => volume + 2 ** 20

let simulation: Simulation
let node: SimNode
let master: FakeMaster

/** Orders what it was told to, until it hears that it was done. */
class FakeMaster {
  readonly registrations: RegisterRequest[] = []
  readonly pages: ReportCopiesRequest[] = []
  /** When heartbeats came. */
  readonly heartbeatsMs: number[] = []
  readonly sealed = new Map<number, number>()
  readonly drops = new Map<number, Order>()
  /** How many reports came with each heartbeat. */
  readonly reportsCounts: number[] = []
  epoch = EPOCH
  seals: Order[] = []
  knowsPages = true

  async serve(at: SimNode): Promise<void> {
    const methods = [
      serveMethod(register, async (request) => {
        this.registrations.push(request)
        const master = { publicPort: 1, advertisedUrl: null }
        return { ...this.#reply(), clusterId: 'cluster', serverId: SERVER, settings: SETTINGS, master }
      }),
      serveMethod(heartbeat, async (request) => this.#hear(request)),
      serveMethod(reportCopies, async (page) => {
        if (!this.knowsPages) throw new DfsError('ROUTE_NOT_FOUND', 'POST /v1/servers/reports')
        this.pages.push(page)
        return { staged: page.from + page.replicas.length }
      }),
    ]
    const routes = methods.map(({ route }) => route)
    await at.runtime.transport.serve(methodHandler(methods), routes)
  }

  #hear({ replicas, dropped = [] }: HeartbeatRequest): HeartbeatReply {
    this.heartbeatsMs.push(simulation.nowMs)
    this.reportsCounts.push(replicas.length)
    for (const { replica } of dropped) this.drops.delete(replica)
    for (const { volume, state } of replicas) {
      if (state === 'sealed' && !this.sealed.has(volume)) this.sealed.set(volume, simulation.nowMs)
    }
    this.seals = this.seals.filter(({ volume }) => !this.sealed.has(volume))
    return this.#reply()
  }

  #reply(): HeartbeatReply {
    const orders = [...this.seals, ...this.drops.values()].slice(0, ORDERS_PER_REPLY_MAX)
    const { epoch } = this
    return { epoch, servers: [], preferred: null, orders, check: null, featureLevel: FEATURE_LEVEL }
  }
}

beforeEach(async () => {
  simulation = new Simulation('orders and heartbeats')
  const network = new SimNetwork(simulation)
  node = simNode(network, 'server')
  master = new FakeMaster()
  await simulation.complete(() => master.serve(simNode(network, 'master')))
})

/** What an earlier start has left: who it is, and empty copies, sealed but for those from `openFrom` on. */
async function haveCopies(count: number, openFrom = count): Promise<void> {
  const { runtime } = node
  await simulation.complete(async () => {
    const identity = await ServerIdentity.open({ ...runtime, crc32 }, runtime.random)
    await identity.bind('cluster', SERVER)
    const store = await VolumeStore.open(storeDeps(runtime))
    for (let index = 0; index < count; index += 1) {
      const volume = volumeOf(index)
      const replicas = [{ replica: replicaOf(volume), server: SERVER, incarnation: 1 }]
      const primary = { server: 1, incarnation: 1 }
      const order = { kind: 'small', salt: '0123456789abcdef', volume, primary, replicas } as const
      await store.create({ ...order, replicas }, replicaOf(volume))
      if (index < openFrom) await store.seal(volume, 0)
    }
    await store.close()
  })
}

async function start(): Promise<void> {
  const address = { internalAddress: 'server', publicPort: 2, advertisedUrl: null }
  const addresses = { name: 'server', zone: 'zone', ...address }
  const onFatal = (error: Error): void => simulation.fail(error)
  const options = { masterAddress: 'master', addresses, crc32, createHasher, onFatal }
  await simulation.complete(() => startChunkServer(node.runtime, options))
}

const isLogRemoval = (kind: string, name: string): boolean => kind === 'remove' && name.endsWith('.log')

it('drops a thousand copies on a slow disk without missing a heartbeat, and seals meanwhile', async () => {
  const [count, toSeal] = [1000, 3]
  await haveCopies(count + toSeal, count)
  await start()
  node.disk.faultHook = ({ kind, name }) =>
    isLogRemoval(kind, name) ? { kind: 'slow', extraMs: SLOW_REMOVAL_MS } : null
  for (let index = 0; index < count; index += 1) {
    const volume = volumeOf(index)
    master.drops.set(replicaOf(volume), { kind: 'drop', volume, replica: replicaOf(volume) })
  }
  const startedMs = simulation.nowMs
  // In the middle of it a volume is sealed now and then.
  for (let index = 0; index < toSeal; index += 1) {
    await simulation.run({ untilMs: simulation.nowMs + 10_000 })
    const volume = volumeOf(count + index)
    const orderedMs = simulation.nowMs
    master.seals.push({ kind: 'seal', volume, replica: replicaOf(volume), sealedLengthBytes: 0 })
    await simulation.run({ untilMs: simulation.nowMs + 5000, isDone: () => master.sealed.has(volume) })
    // The next heartbeat brings it, it stands behind one removal, and the one after that tells.
    const tookMs = master.sealed.get(volume)! - orderedMs
    expect(tookMs).toBeLessThanOrEqual(2 * HEARTBEAT_MS + SLOW_REMOVAL_MS + CALL_MS)
  }
  await simulation.run({ untilMs: startedMs + 600_000, isDone: () => master.drops.size === 0 })
  expect(master.drops.size).toBe(0)
  expect(simulation.nowMs - startedMs, 'one after the other').toBeGreaterThan(count * SLOW_REMOVAL_MS)
  const pausesMs = master.heartbeatsMs.slice(1).map((atMs, index) => atMs - master.heartbeatsMs[index]!)
  expect(Math.max(...pausesMs)).toBeLessThanOrEqual(HEARTBEAT_MS + CALL_MS)
  expect(await simulation.complete(() => node.runtime.disk.list(VOLUMES_DIRECTORY))).toHaveLength(2 * toSeal)
})

it('asks for more to drop as soon as it is done, and not without a pause for what it cannot do', async () => {
  await haveCopies(200)
  await start()
  for (let index = 0; index < 200; index += 1) {
    const volume = volumeOf(index)
    master.drops.set(replicaOf(volume), { kind: 'drop', volume, replica: replicaOf(volume) })
  }
  const startedMs = simulation.nowMs
  await simulation.run({ untilMs: startedMs + 60_000, isDone: () => master.drops.size === 0 })
  expect(simulation.nowMs - startedMs, 'not 64 a second').toBeLessThan(2 * HEARTBEAT_MS + 1000)

  // A later start of the master has made it: nothing comes of this order, however often it is given.
  const volume = makeId(EPOCH.counter + 1, 1)
  master.drops.set(1, { kind: 'drop', volume, replica: 1 })
  const before = master.heartbeatsMs.length
  await simulation.run({ untilMs: simulation.nowMs + 10 * HEARTBEAT_MS })
  expect(master.heartbeatsMs.length - before).toBeLessThanOrEqual(11)
  expect(master.drops.size).toBe(1)
})

it('registers with all its copies in pages under the number of the registration, or at once if the master is older', async () => {
  const count = REPORTS_PER_PAGE_MAX + 7
  await haveCopies(count)
  const volumesOf = (reports: readonly { volume: number }[]): number[] => reports.map(({ volume }) => volume)
  const all = Array.from({ length: count }, (_, index) => volumeOf(index))
  await start()
  const [page, ...others] = master.pages
  const [registration] = master.registrations
  expect(others).toEqual([])
  expect(page).toMatchObject({ from: 0, number: registration!.number, diskUid: registration!.diskUid })
  expect(page!.incarnation).toBe(registration!.incarnation)
  expect(registration!.staged).toBe(REPORTS_PER_PAGE_MAX)
  expect([...volumesOf(page!.replicas), ...volumesOf(registration!.replicas)]).toEqual(all)

  node.crash('process')
  node.restart()
  master.knowsPages = false
  await start()
  const [, older] = master.registrations
  expect([older!.staged, volumesOf(older!.replicas)]).toEqual([undefined, all])
})

it('tells in heartbeats no more than a call carries, if all its copies have changed', async () => {
  const count = 2 * REPORTS_PER_PAGE_MAX + 7
  await haveCopies(count)
  await start()
  master.reportsCounts.length = 0
  // A new history was begun without this server: all is to be verified again.
  master.epoch = { counter: EPOCH.counter + HISTORY_STARTS, nonce: 'fedcba9876543210', sequence: 1 }
  const told = (): number => master.reportsCounts.reduce((sum, each) => sum + each, 0)
  await simulation.run({ untilMs: simulation.nowMs + 60_000, isDone: () => told() >= count })
  expect(told()).toBe(count)
  expect(Math.max(...master.reportsCounts)).toBe(REPORTS_PER_PAGE_MAX)
})
