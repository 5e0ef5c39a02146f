/** Sealed volumes that hold nothing go, in two phases, and nothing else does. Each test names the rule it would see broken. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type ReplicaReport, type VolumeOrder } from '@dfs/protocol'
import { afterEach, expect, it } from 'vitest'
import { describeStores } from '../fixture/describe-stores.ts'
import { copyAsCrashed, openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { NOW, StoreBench } from '../fixture/store-bench.ts'

const STEP = 100
const CLUSTER_MS = 5000

const reportOf = (order: VolumeOrder, index: number, change: Partial<ReplicaReport> = {}): ReplicaReport => ({
  volume: order.volume,
  replica: order.replicas[index]!.replica,
  state: 'sealed',
  lengthBytes: 0,
  verifiedToBytes: 0,
  ...change,
})

const dropOrder = (order: VolumeOrder, index: number): object => {
  return { kind: 'drop', volume: order.volume, replica: order.replicas[index]!.replica }
}

/** A volume of two copies that nobody may ask for any more; sealed where it says so. */
async function forgotten(b: StoreBench, isSealed = true): Promise<VolumeOrder> {
  const order = await b.volume()
  await b.volume()
  if (isSealed) await b.store.sealVolumes([order.volume], 'test', NOW)
  return order
}

/** What one step has deleted. */
const step = async (b: StoreBench): Promise<readonly number[]> =>
  (await b.store.deleteEmptyVolumes(STEP, CLUSTER_MS)).deleted

const dropped = (b: StoreBench, order: VolumeOrder, index: number, incarnation = 1): Promise<void> => {
  const { server, replica } = order.replicas[index]!
  return b.store.noteDropped({ server, incarnation }, [{ volume: order.volume, replica }])
}

describeStores('a sealed volume without chunks', (bench) => {
  it('is deleted: its copies are ordered to be dropped, and it is gone with the last of them', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await forgotten(b)
    expect(await step(b)).toEqual([order.volume])
    expect(await step(b), 'once').toEqual([])
    expect(await b.store.totals()).toMatchObject({ volumesOpen: 1, volumesSealed: 0, volumesDeleting: 1 })
    for (const index of [0, 1]) expect(await b.orders(index)).toEqual([dropOrder(order, index)])
    await dropped(b, order, 0)
    expect(await b.orders(0)).toEqual([])
    expect(await b.orders(1)).toEqual([dropOrder(order, 1)])
    await dropped(b, order, 1)
    expect(await b.store.totals()).toMatchObject({ volumesSealed: 0, volumesDeleting: 0 })
    expect(await b.orders(1)).toEqual([])
    for (const index of [0, 1]) await dropped(b, order, index)
  })

  it('is told nobody who does not know the order', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await forgotten(b)
    await step(b)
    const { server } = order.replicas[0]!
    expect(await b.store.orders(server, 64, false)).toEqual([])
  })

  it('is not found by anybody from then on', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await forgotten(b)
    const late = b.write('/late', b.chunk(order, 10))
    await step(b)
    const notFound = { code: 'VOLUME_NOT_FOUND' }
    for (const isGone of [false, true]) {
      await expect(b.store.copiesOf(order.volume)).rejects.toMatchObject(notFound)
      await expect(b.store.sealVolumes([order.volume], 'again', NOW)).rejects.toMatchObject(notFound)
      expect(await b.store.copyOn(order.volume, order.replicas[0]!.server)).toBeNull()
      expect(await b.outcome(late)).toBe(isGone ? 'VOLUME_NOT_FOUND' : 'VOLUME_SEALED')
      for (const index of [0, 1]) await dropped(b, order, index)
    }
    // The refusal settles nothing: the same request is taken with its bytes elsewhere.
    const elsewhere = { ...late, chunk: b.chunk(await b.volume(), 10) } as typeof late
    expect(await b.outcome(elsewhere)).toBe('ok')
  })

  it('waits while its primary may ask for it, in the incarnation that was granted it (R19)', async () => {
    const b = bench()
    await b.addServers(2)
    const request = {
      primary: b.servers[0]!,
      kind: 'small',
      number: 1,
      sets: [b.servers, b.servers],
    } as const
    const orders = await b.store.allocateVolumes(request, NOW)
    const ids = orders.map(({ volume }) => volume)
    await b.store.sealVolumes(ids, 'test', NOW)
    expect(await step(b)).toEqual([])
    expect(await b.store.allocateVolumes(request, NOW)).toEqual(orders)
    await b.store.allocateVolumes({ ...request, number: 2 }, NOW)
    expect(await step(b), 'the next request is answered: nobody asks for the first again').toEqual(ids)
    await expect(b.store.findAllocation(request)).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })

  it('is granted no earlier start of its primary again, whose request comes when it is gone', async () => {
    const b = bench()
    await b.addServers(2)
    const request = { primary: b.servers[0]!, kind: 'small', number: 1 } as const
    const [order] = await b.store.allocateVolumes({ ...request, sets: [b.servers] }, NOW)
    await b.beginToRegister(0, 2)
    expect(await step(b)).toEqual([order!.volume])
    for (const [index, incarnation] of [2, 1].entries()) await dropped(b, order!, index, incarnation)
    const stale = { code: 'STALE_INCARNATION' }
    await expect(b.store.findAllocation(request)).rejects.toMatchObject(stale)
    await expect(b.store.allocateVolumes({ ...request, sets: [b.servers] }, NOW)).rejects.toMatchObject(stale)
    expect(await b.store.totals()).toMatchObject({ volumesDeleting: 0 })
  })

  it('waits no longer when its primary has restarted', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await b.volume()
    await b.store.sealVolumes([order.volume], 'test', NOW)
    expect(await step(b)).toEqual([])
    await b.register(0, 2, { reports: [reportOf(order, 0)] })
    expect(await step(b)).toEqual([order.volume])
  })

  it('goes in bounded steps', async () => {
    const b = bench()
    await b.addServers(2)
    const orders = [await b.volume(), await b.volume(), await b.volume(), await b.volume()]
    const ids = orders.slice(0, 3).map(({ volume }) => volume)
    await b.store.sealVolumes(ids, 'test', NOW)
    expect(await b.store.deleteEmptyVolumes(2, CLUSTER_MS)).toEqual({
      deleted: ids.slice(0, 2),
      notEmpty: [],
      isMoreLeft: true,
    })
    expect(await b.store.deleteEmptyVolumes(2, CLUSTER_MS)).toMatchObject({ deleted: ids.slice(2) })
  })

  it('stays deleted whatever is reported of its copies', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await forgotten(b)
    await step(b)
    for (const state of ['open', 'sealed', 'failed'] as const) {
      const outcome = await b.store.noteReports(b.servers[0]!, [reportOf(order, 0, { state })], NOW)
      expect(outcome).toEqual({ unknown: [], strays: [], sealedVolumes: [] })
      expect(await b.orders(0)).toEqual([dropOrder(order, 0)])
    }
    await b.register(0, 2, { reports: [reportOf(order, 0)] })
    expect(await b.orders(0)).toEqual([dropOrder(order, 0)])
  })

  it('loses the copy that a start of its server does not name any more', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await forgotten(b)
    await step(b)
    await b.register(1, 2)
    expect(await b.orders(1)).toEqual([])
    await dropped(b, order, 0)
    expect(await b.store.totals()).toMatchObject({ volumesDeleting: 0 })
  })

  it('keeps what a server says to have dropped that was not told to', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await b.volume()
    await b.commit(b.write('/a', b.chunk(order, 10)))
    await b.store.sealVolumes([order.volume], 'test', NOW)
    await dropped(b, order, 0)
    expect((await b.store.copiesOf(order.volume)).copies).toHaveLength(2)
  })

  it('hears of what is dropped only from the server that had it, in its present incarnation', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await forgotten(b)
    await step(b)
    const copy = { volume: order.volume, replica: order.replicas[0]!.replica }
    await b.store.noteDropped(b.servers[1]!, [copy])
    expect(await b.orders(0)).toEqual([dropOrder(order, 0)])
    await b.register(0, 2, { reports: [reportOf(order, 0)] })
    await expect(dropped(b, order, 0)).rejects.toMatchObject({ code: 'STALE_INCARNATION' })
    expect(await b.orders(0)).toEqual([dropOrder(order, 0)])
    await dropped(b, order, 0, 2)
    expect(await b.orders(0)).toEqual([])
  })
})

describeStores('a copy that turns up', (bench) => {
  it('of a deleted volume is ordered to be dropped, known or not, and until it is (R7)', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await forgotten(b)
    await step(b)
    for (const index of [0, 1]) await dropped(b, order, index)
    // An older image of its disk.
    const report = reportOf(order, 0, { state: 'open' })
    await b.register(0, 2, { reports: [report] })
    b.servers[0] = { ...b.servers[0]!, incarnation: 2 }
    expect(await b.orders(0)).toEqual([dropOrder(order, 0)])
    const outcome = await b.store.noteReports(b.servers[0], [report], NOW)
    expect(outcome).toEqual({ unknown: [], strays: [report], sealedVolumes: [] })
    await dropped(b, order, 0, 2)
    expect(await b.orders(0)).toEqual([])
  })

  it('while another server has a copy of its volume still is as well', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await forgotten(b)
    await step(b)
    await dropped(b, order, 0)
    await b.register(0, 2, { reports: [reportOf(order, 0)] })
    const turnedUp = (await b.orders(0)).filter(({ kind }) => kind === 'drop')
    expect(turnedUp).toEqual([dropOrder(order, 0)])
    await dropped(b, order, 0, 2)
    expect((await b.orders(0)).filter(({ kind }) => kind === 'drop')).toEqual([])
  })

  it('and is not there any more after the next start of its server is not asked for again', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await forgotten(b)
    await step(b)
    for (const index of [0, 1]) await dropped(b, order, index)
    await b.register(0, 2, { reports: [reportOf(order, 0)] })
    await b.register(0, 3)
    expect(await b.orders(0)).toEqual([])
  })

  it('of a volume that was never deleted is kept, and so is a strange copy of one that is there (R7)', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await b.volume()
    const strange = [{ ...reportOf(order, 0), volume: 4711 }, reportOf(order, 1)]
    const outcome = await b.store.noteReports(b.servers[0]!, strange, NOW)
    expect(outcome).toEqual({ unknown: strange, strays: [], sealedVolumes: [] })
    expect(await b.orders(0)).toEqual([])
  })
})

describeStores('a volume that is not deleted', (bench) => {
  it('is one that is open', async () => {
    const b = bench()
    await b.addServers(2)
    await forgotten(b, false)
    expect(await step(b)).toEqual([])
  })

  it('has the chunk of a file, of a deleted one, of an upload under way or of one that was given up', async () => {
    const b = bench()
    await b.addServers(2)
    const orders = [await b.volume(), await b.volume(), await b.volume(), await b.volume()]
    await b.volume()
    const [kept, deleted, staged, abandoned] = orders
    const [underWay, givenUp] = [b.nextId(), b.nextId()]
    const stage = (upload: typeof underWay, order: VolumeOrder) =>
      b.command({ kind: 'stage', upload, start: 0, chunk: b.chunk(order, 10) })
    const results = await b.commit(
      b.write('/kept', b.chunk(kept!, 10)),
      b.write('/deleted', b.chunk(deleted!, 10)),
      stage(underWay, staged!),
      stage(givenUp, abandoned!),
      b.command({ kind: 'abandon', upload: givenUp }),
    )
    expect(results.filter(({ ok }) => !ok)).toEqual([])
    await b.delete('/deleted')
    const ids = orders.map(({ volume }) => volume)
    await b.store.sealVolumes(ids, 'test', NOW)
    expect(await b.store.deleteEmptyVolumes(STEP, CLUSTER_MS)).toEqual({
      deleted: [],
      notEmpty: [],
      isMoreLeft: false,
    })
    expect((await b.file('/kept')).locations.get(kept!.volume)).toHaveLength(2)
  })
})

describeStores('orders', (bench) => {
  it('come as many as there is room for, each in its turn, seals first', async () => {
    const b = bench()
    await b.addServers(2)
    const orders: VolumeOrder[] = []
    for (let count = 0; count < 40; count += 1) orders.push(await b.volume())
    const [toDrop, toSeal] = [orders.slice(0, 19), orders.slice(20, 39)]
    await b.store.sealVolumes(
      toDrop.map(({ volume }) => volume),
      'test',
      NOW,
    )
    expect(await step(b)).toHaveLength(19)
    for (const order of toSeal) await b.commit(b.write(`/${order.volume}`, b.chunk(order, 10)))
    await b.store.sealVolumes(
      toSeal.map(({ volume }) => volume),
      'test',
      NOW,
    )
    expect(await b.orders(0)).toHaveLength(38)
    const seen = new Map<number, number>()
    for (let reply = 0; reply < 19; reply += 1) {
      const some = await b.orders(0, 20)
      const kinds = some.map(({ kind }) => kind)
      expect(kinds).toEqual([...Array<string>(4).fill('seal'), ...Array<string>(16).fill('drop')])
      for (const { replica } of some) seen.set(replica, (seen.get(replica) ?? 0) + 1)
    }
    expect(new Set(seen.values()), 'four replies for a seal, sixteen for a drop, of nineteen').toEqual(
      new Set([4, 16]),
    )
    expect(await b.store.orders(b.servers[0]!.server, 20, false)).toHaveLength(19)
  })
})

afterEach(removeTemporaryDirectories)

it('goes on where a crash came behind any commit of a deletion', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.addServers(2)
  const order = await forgotten(b)
  const crash = async (): Promise<StoreBench> => {
    const survivor = new StoreBench(await openAt(copyAsCrashed(directory), 2))
    survivor.servers = b.servers
    return survivor
  }
  const steps: [() => Promise<unknown>, object, number, number][] = [
    [() => Promise.resolve(), { volumesSealed: 1, volumesDeleting: 0 }, 0, 0],
    [() => step(b), { volumesSealed: 0, volumesDeleting: 1 }, 1, 1],
    [() => dropped(b, order, 1), { volumesSealed: 0, volumesDeleting: 1 }, 1, 0],
    [() => dropped(b, order, 0), { volumesSealed: 0, volumesDeleting: 0 }, 0, 0],
  ]
  for (const [act, totals, ...drops] of steps) {
    await act()
    const after = await crash()
    expect(await after.store.totals()).toMatchObject(totals)
    for (const [index, count] of drops.entries()) {
      const orders = await after.orders(index)
      expect(orders.filter(({ kind }) => kind === 'drop')).toHaveLength(count)
    }
    // To the end from here.
    await step(after)
    for (const index of [0, 1]) await dropped(after, order, index)
    expect(await after.store.totals()).toMatchObject({ volumesSealed: 0, volumesDeleting: 0 })
    await after.register(0, 2, { reports: [reportOf(order, 0)] })
    expect(await after.orders(0), 'for ever').toEqual([dropOrder(order, 0)])
    await after.store.close()
  }
  await b.store.close()
})

it('believes the rows and not the counts, which stand in nobody’s way again', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.addServers(2)
  const order = await forgotten(b, false)
  await b.commit(b.write('/a', b.chunk(order, 10)))
  await b.store.sealVolumes([order.volume], 'test', NOW)
  await b.store.close()
  const database = new DatabaseSync(join(directory, 'metadata.db'))
  database.exec('UPDATE volumes SET live_bytes = 0, live_chunks = 0, live_files = 0')
  database.close()
  b.store = await openAt(directory, 2)
  expect(await b.store.deleteEmptyVolumes(STEP, CLUSTER_MS)).toEqual({
    deleted: [],
    notEmpty: [order.volume],
    isMoreLeft: false,
  })
  expect(await b.store.deleteEmptyVolumes(STEP, CLUSTER_MS)).toMatchObject({ notEmpty: [] })
  expect((await b.file('/a')).locations.get(order.volume)).toHaveLength(2)
  await b.store.close()
})
