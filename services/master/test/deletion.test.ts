/** How volumes that hold nothing go: when the master begins with it, whom it tells, and what it hears of it (R7). */
import { MESSAGES, type Order, reportDamage, type ReplicaReport, type VolumeOrder } from '@dfs/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { DEFAULT_SETTINGS } from '../src/settings.ts'
import { MasterBench } from './fixture/master-bench.ts'

const benches: MasterBench[] = []
async function start(...args: Parameters<typeof MasterBench.start>): Promise<MasterBench> {
  const bench = await MasterBench.start(...args)
  benches.push(bench)
  return bench
}

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.master.stop()
})

const STEP_MS = DEFAULT_SETTINGS.workersEveryMs
const GRACE_MS = DEFAULT_SETTINGS.liveness.deadAfterMs

/** A sealed volume on all servers that holds nothing, and for which its primary has another now. */
async function emptyVolume(b: MasterBench, primary: number): Promise<VolumeOrder> {
  const [order] = await b.allocate(primary)
  await b.store.sealVolumes([order!.volume], 'test', 0)
  await b.allocate(primary)
  return order!
}

const deleting = async (b: MasterBench): Promise<number> => (await b.store.totals()).volumesDeleting
const drops = (orders: readonly Order[]): Order[] => orders.filter(({ kind }) => kind === 'drop')
const copyOn = ({ volume, replicas }: VolumeOrder, server: number): { volume: number; replica: number } => {
  return { volume, replica: replicas.find((copy) => copy.server === server)!.replica }
}
const sealedReport = (copy: { volume: number; replica: number }): ReplicaReport => {
  return { ...copy, state: 'sealed', lengthBytes: 0, verifiedToBytes: 0 }
}

describe('a volume that holds nothing', () => {
  it('goes by what its servers say', async () => {
    const b = await start()
    const servers = await b.registerAll(3)
    const order = await emptyVolume(b, servers[0]!)
    await b.pass(2 * STEP_MS, ...servers)
    expect(await deleting(b)).toBe(1)
    for (const server of servers) {
      const copy = copyOn(order, server)
      expect(drops((await b.heartbeat(server)).orders)).toEqual([{ kind: 'drop', ...copy }])
      const reply = await b.heartbeat(server, { dropped: [copy] })
      expect(drops(reply.orders)).toEqual([])
    }
    expect(await deleting(b)).toBe(0)
    const statuses = b.master.workers().filter(({ name }) => name === 'delete-empty')
    expect(statuses).toMatchObject([{ did: 1, why: expect.stringContaining('no sealed volume') as string }])
  })

  it('stays with a server that is away until it is back', async () => {
    const b = await start()
    const servers = await b.registerAll(3)
    const order = await emptyVolume(b, servers[0]!)
    await b.pass(GRACE_MS + STEP_MS, servers[0]!, servers[1]!)
    for (const server of servers.slice(0, 2)) await b.heartbeat(server, { dropped: [copyOn(order, server)] })
    expect(await deleting(b)).toBe(1)
    const copy = copyOn(order, servers[2]!)
    const { orders } = await b.register(2, { incarnation: 2, replicas: [sealedReport(copy)] })
    expect(drops(orders)).toEqual([{ kind: 'drop', ...copy }])
    await b.heartbeat(servers[2]!, { incarnation: 2, dropped: [copy] })
    expect(await deleting(b)).toBe(0)
  })

  it('is told to no program that does not know the order, until it was replaced', async () => {
    const b = await start()
    const servers = await b.registerAll(3)
    await b.register(0, { incarnation: 2, featureLevel: MESSAGES.dropOrder - 1 })
    const order = await emptyVolume(b, servers[1]!)
    await b.pass(2 * STEP_MS, servers[1]!, servers[2]!)
    expect(drops((await b.heartbeat(servers[0]!, { incarnation: 2 })).orders)).toEqual([])
    expect(drops((await b.heartbeat(servers[1]!)).orders)).toHaveLength(1)
    const copy = copyOn(order, servers[0]!)
    const { orders } = await b.register(0, { incarnation: 3, replicas: [sealedReport(copy)] })
    expect(drops(orders)).toEqual([{ kind: 'drop', ...copy }])
  })

  it('is not in doubt because of a heartbeat that comes late', async () => {
    const b = await start()
    const servers = await b.registerAll(2)
    const order = await emptyVolume(b, servers[0]!)
    await b.pass(2 * STEP_MS, ...servers)
    const [copy, other] = servers.map((server) => copyOn(order, server))
    const early = { number: 1000, dropped: [copy!] }
    await b.heartbeat(servers[0]!, { ...early, number: 1001 })
    await b.heartbeat(servers[1]!, { number: 1002, dropped: [other!] })
    expect(await deleting(b)).toBe(0)
    // An older image of the disk: the server starts with the copy, and what its last start said comes after that.
    await b.register(0, { incarnation: 2, number: 1, replicas: [sealedReport(copy!)] })
    await expect(b.heartbeat(servers[0]!, early)).rejects.toMatchObject({ code: 'STALE_INCARNATION' })
    const { orders } = await b.heartbeat(servers[0]!, { incarnation: 2, number: 2 })
    expect(drops(orders)).toEqual([{ kind: 'drop', ...copy! }])
    const late = await b.heartbeat(servers[0]!, { incarnation: 2, number: 1, dropped: [copy!] })
    expect(drops(late.orders), 'it is no news').toEqual([{ kind: 'drop', ...copy! }])
  })
})

describe('orders', () => {
  it('are as many as a reply takes, the most urgent first, and each has its turn', async () => {
    const b = await start()
    const servers = await b.registerAll(3)
    const volumes: VolumeOrder[] = []
    while (volumes.length < 150) volumes.push(...(await b.allocate(servers[0]!, 5)))
    const [toDrop, toSeal] = [volumes.slice(0, 60), volumes.slice(60, 130)]
    await b.store.sealVolumes(
      toDrop.map(({ volume }) => volume),
      'test',
      0,
    )
    await b.pass(2 * STEP_MS, ...servers)
    expect(await deleting(b)).toBe(60)
    for (const [index, order] of toSeal.entries()) {
      expect(await b.write(servers[0]!, index, order, `/${index}`)).toBe('ok')
      await b.store.sealVolumes([order.volume], 'test', 0)
    }
    for (let offset = 0; offset < 40; offset += 1) {
      const place = { volume: toSeal[0]!.volume, server: servers[1]!, offset, recordSize: 1 }
      await b.call(reportDamage, place)
    }
    const seen = new Set<string>()
    for (let reply = 0; reply < 5; reply += 1) {
      const { orders } = await b.heartbeat(servers[1]!)
      const kinds = orders.map(({ kind }) => kind).join(' ')
      expect(kinds).toBe(`${'seal '.repeat(32)}${'check '.repeat(16)}${'drop '.repeat(16)}`.trim())
      for (const order of orders) seen.add(JSON.stringify(order))
    }
    expect(seen.size).toBe(60 + 70 + 40)
  })
})

describe('the master begins with it', () => {
  /** One start later on the same store, with an empty volume in it. */
  async function restarted(): Promise<{ b: MasterBench; servers: number[] }> {
    const first = await start()
    const servers = await first.registerAll(3)
    await emptyVolume(first, servers[0]!)
    const store = (first.store as unknown as { reopen(random: unknown): typeof first.store }).reopen(
      first.world.random,
    )
    benches.length = 0
    return { b: await start(store), servers }
  }

  it('when all servers have registered', async () => {
    const { b, servers } = await restarted()
    await b.register(0)
    await b.register(1)
    await b.pass(3 * STEP_MS, servers[0]!, servers[1]!)
    expect(await deleting(b), 'one may know that this is a restored backup').toBe(0)
    await b.register(2)
    await b.pass(2 * STEP_MS, ...servers)
    expect(await deleting(b)).toBe(1)
  })

  it('when most have and the others had their time', async () => {
    const { b, servers } = await restarted()
    await b.register(0)
    await b.register(1)
    await b.pass(GRACE_MS + 2 * STEP_MS, servers[0]!, servers[1]!)
    expect(await deleting(b)).toBe(1)
  })

  it('never with too few, and not on a restored backup', async () => {
    const { b, servers } = await restarted()
    await b.register(0)
    await b.pass(GRACE_MS + 2 * STEP_MS, servers[0]!)
    expect(await deleting(b)).toBe(0)

    const restored = await restarted()
    const seenEpoch = { ...restored.b.store.epoch(), counter: 99 }
    await restored.b.register(0)
    await restored.b.register(1)
    await expect(restored.b.register(2, { seenEpoch })).rejects.toMatchObject({ code: 'STALE_EPOCH' })
    await restored.b.world.clock.advance(GRACE_MS + 2 * STEP_MS)
    expect(await deleting(restored.b)).toBe(0)
  })
})
