/**
 * A server with many copies restarts: what was said of them before does not count until it is said again (R9), no row is
 * written for that, and what it does not say is lost in bounded steps.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { seededRandom } from '@dfs/core/testing'
import { type ReplicaReport, type VolumeOrder } from '@dfs/protocol'
import { afterEach, expect, it } from 'vitest'
import { openMemoryStore } from '../../src/metadata/sqlite/open-store.ts'
import { REPORTS_PER_TRANSACTION_MAX } from '../../src/metadata/cluster-store.ts'
import { describeStores } from '../fixture/describe-stores.ts'
import { copyAsCrashed, openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { NOW, StoreBench } from '../fixture/store-bench.ts'

const LENGTH = 110

/** As of a copy that is whole. */
const reportOf = (order: VolumeOrder, index: number): ReplicaReport => ({
  volume: order.volume,
  replica: order.replicas[index]!.replica,
  state: 'sealed',
  lengthBytes: LENGTH,
  verifiedToBytes: LENGTH,
})

/** Sealed volumes with a chunk each, on two servers, whose copies are all in-sync. */
async function wholeVolumes(b: StoreBench, count: number): Promise<VolumeOrder[]> {
  await b.addServers(2)
  const orders: VolumeOrder[] = []
  for (let index = 0; index < count; index += 1) {
    const order = await b.volume()
    await b.commit(b.write(`/${index}`, b.chunk(order, 10)))
    orders.push(order)
  }
  const ids = orders.map(({ volume }) => volume)
  await b.store.sealVolumes(ids, 'test', NOW)
  for (const index of [0, 1]) {
    const reports = orders.map((order) => reportOf(order, index))
    await b.store.noteReports(b.servers[index]!, reports, NOW)
  }
  return orders
}

const stateOf = async (b: StoreBench, order: VolumeOrder, index: number): Promise<string | undefined> => {
  const { copies } = await b.store.copiesOf(order.volume)
  return copies.find(({ replica }) => replica === order.replicas[index]!.replica)?.state
}

describeStores('a start of a server', (bench) => {
  it('leaves its copies unverified until it reports them, and lost where it does not (R9)', async () => {
    const b = bench()
    const [kept, shorter, gone] = await wholeVolumes(b, 3)
    const { server } = await b.beginToRegister(0, 2)
    const from = { server, incarnation: 2 }
    for (const order of [kept!, shorter!, gone!]) expect(await stateOf(b, order, 0)).toBe('unverified')
    expect(await b.orders(0), 'nobody knows yet what to tell it').toEqual([])
    const reports = [reportOf(kept!, 0), { ...reportOf(shorter!, 0), verifiedToBytes: 5 }]
    await b.store.noteReports(from, reports, NOW)
    expect(await stateOf(b, kept!, 0)).toBe('inSync')
    expect(await stateOf(b, gone!, 0)).toBe('unverified')
    while (await b.store.finishRegistration(from));
    expect(await stateOf(b, kept!, 0)).toBe('inSync')
    expect(await stateOf(b, shorter!, 0)).toBe('unverified')
    expect(await stateOf(b, gone!, 0)).toBe('lost')
    expect(await stateOf(b, gone!, 1), 'what others have is as it was').toBe('inSync')
  })

  it('is finished by its own incarnation alone', async () => {
    const b = bench()
    const [order] = await wholeVolumes(b, 1)
    const { server } = await b.beginToRegister(0, 2)
    await b.beginToRegister(0, 3)
    const stale = { server, incarnation: 2 }
    const code = { code: 'STALE_INCARNATION' }
    await expect(b.store.noteReports(stale, [reportOf(order!, 0)], NOW)).rejects.toMatchObject(code)
    await expect(b.store.finishRegistration(stale)).rejects.toMatchObject(code)
    expect(await stateOf(b, order!, 0)).toBe('unverified')
  })

  it('asks for the seal of a copy again that is open as it says', async () => {
    const b = bench()
    const [order] = await wholeVolumes(b, 1)
    await b.register(0, 2, { reports: [{ ...reportOf(order!, 0), state: 'open', verifiedToBytes: 0 }] })
    expect(await b.orders(0)).toMatchObject([
      { kind: 'seal', volume: order!.volume, sealedLengthBytes: LENGTH },
    ])
  })

  it('takes no copy for lost that was not named when it registers again in the same incarnation', async () => {
    const b = bench()
    const [order] = await wholeVolumes(b, 1)
    await b.register(0, 1)
    expect(await stateOf(b, order!, 0)).toBe('inSync')
  })
})

afterEach(removeTemporaryDirectories)

it('writes no row for a copy that is as it was, however many there are', async () => {
  const store = openMemoryStore(seededRandom(1))
  const b = new StoreBench(store)
  const orders = await wholeVolumes(b, 40)
  const changes = (): number => Number([...store.rows('SELECT total_changes() AS count')][0]!['count'])
  const reports = orders.map((order) => reportOf(order, 0))
  // What it had committed goes with its first incarnation.
  await b.register(0, 2, { reports })
  const before = changes()
  await b.register(0, 3, { reports })
  expect(changes() - before, 'the server, its address, that it has said all, the state').toBeLessThan(10)
  const sequence = store.epoch().sequence
  const from = { server: b.servers[0]!.server, incarnation: 3 }
  await store.noteReports(from, [reportOf(orders[0]!, 0)], NOW)
  expect(store.epoch().sequence, 'no transaction either').toBe(sequence)
  await store.close()
})

it('finds copies lost in steps of so many rows', async () => {
  const b = new StoreBench(await openAt(null))
  const count = REPORTS_PER_TRANSACTION_MAX + 20
  await b.addServers(2)
  for (let left = count; left > 0; left -= 1) await b.volume()
  const { server } = await b.beginToRegister(0, 2)
  const from = { server, incarnation: 2 }
  const steps = [await b.store.finishRegistration(from), await b.store.finishRegistration(from)]
  expect(steps).toEqual([true, false])
  await b.store.close()
})

it('is gone on with after a crash of the master in the middle of it', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  const [first, second, third] = await wholeVolumes(b, 3)
  const { server } = await b.beginToRegister(0, 2)
  const from = { server, incarnation: 2 }
  await b.store.noteReports(from, [reportOf(first!, 0)], NOW)
  const after = new StoreBench(await openAt(copyAsCrashed(directory), 2))
  await b.store.close()
  after.servers = b.servers
  for (const order of [first!, second!, third!]) expect(await stateOf(after, order, 0)).toBe('unverified')
  expect(await stateOf(after, first!, 1)).toBe('inSync')
  await after.register(0, 2, { reports: [reportOf(first!, 0), reportOf(second!, 0)] })
  expect(await stateOf(after, first!, 0)).toBe('inSync')
  expect(await stateOf(after, second!, 0)).toBe('inSync')
  expect(await stateOf(after, third!, 0)).toBe('lost')
  await after.store.close()
})

it('counts for all that a database says of servers from before this was written down', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  const [order] = await wholeVolumes(b, 1)
  await b.store.close()
  const database = new DatabaseSync(join(directory, 'metadata.db'))
  const rows = database.prepare('SELECT incarnation, reported_incarnation FROM servers').all()
  expect(rows.map((row) => ({ ...row }))).toEqual([
    { incarnation: 1, reported_incarnation: 1 },
    { incarnation: 1, reported_incarnation: 1 },
  ])
  database.close()
  b.store = await openAt(directory, 2)
  expect(await stateOf(b, order!, 0)).toBe('inSync')
  await b.store.close()
})
