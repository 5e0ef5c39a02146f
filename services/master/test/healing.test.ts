/** Copies that are lost are made again, by a master and servers that obey it; and nothing else is done. */
import { openContext } from '@dfs/protocol'
import { afterEach, expect, it } from 'vitest'
import { Fleet } from './fixture/fleet.ts'

/** After the start of a master everybody has so long to register, before anything is done. */
const SETTLE_MS = 27_000
/** A death is noticed, waited for, and made up for. */
const HEAL_MS = 40_000
/** What is not verified counts as on its way for so long. */
const CHECK_PAUSE_MS = 310_000

/** A copy that is being made may stand still for so long. */
const STALL_MS = 15 * 60_000 + 20_000

let fleet: Fleet

afterEach(() => fleet.bench.master.stop())

const repairs = () => fleet.bench.store.repairing.page(Number.MAX_SAFE_INTEGER, 100)
const inSync = (indexes: readonly number[]): Record<number, string> =>
  Object.fromEntries(indexes.map((index) => [index, 'inSync']))

/** Servers with one volume, of which the last copy but one is on `lost`. */
async function healthy(count: number) {
  fleet = await Fleet.start(count)
  const order = await fleet.volume()
  await fleet.pass(SETTLE_MS)
  const holders = order.replicas.map(({ server }) => fleet.byId(server))
  const { volume } = order
  expect(await fleet.copies(volume)).toEqual(inSync(holders.map(({ index }) => index)))
  expect(await fleet.why()).toBe('every volume has its copies')
  return { volume, lost: holders[1]!, kept: [holders[0]!, holders[2]!] }
}

it('a server that is gone is made up for by another one', async () => {
  const { volume, lost, kept } = await healthy(4)
  const other = fleet.servers.find(({ held }) => held.size === 0)!
  fleet.stop(lost)
  await fleet.pass(HEAL_MS)
  const indexes = [...kept, other].map(({ index }) => index)
  expect(await fleet.copies(volume)).toEqual({ ...inSync(indexes), [lost.index]: 'inSync' })
  expect(await repairs()).toMatchObject([
    { volume, state: 'done', cause: 'lost', target: other.id, tries: 0 },
  ])
  expect(other.toldToCopy.size).toBe(1)
  expect(await fleet.why()).toBe('every volume has its copies')
})

it('one that was gone before its copy was read leaves nothing to be waited for either', async () => {
  fleet = await Fleet.start(4)
  const order = await fleet.volume()
  const lost = fleet.byId(order.replicas[1]!.server)
  fleet.stop(lost)
  await fleet.pass(SETTLE_MS + HEAL_MS)
  const states = Object.values(await fleet.copies(order.volume))
  expect(states.toSorted().join(' ')).toBe('inSync inSync inSync unverified')
  expect(await fleet.why()).toBe('every volume has its copies')
  await fleet.restart(lost)
  await fleet.pass(10_000)
  expect(Object.values(await fleet.copies(order.volume))).toEqual(['inSync', 'inSync', 'inSync'])
})

it('one that comes back afterwards is taken up again, and one copy too many goes', async () => {
  const { volume, lost } = await healthy(4)
  fleet.stop(lost)
  await fleet.pass(HEAL_MS)
  await fleet.restart(lost)
  await fleet.pass(10_000)
  const copies = await fleet.copies(volume)
  expect(Object.values(copies)).toEqual(['inSync', 'inSync', 'inSync'])
  const held = fleet.servers.filter((server) => server.held.size > 0).map(({ index }) => index)
  expect(held.map(String).toSorted()).toEqual(Object.keys(copies).toSorted())
  expect(await repairs(), 'nothing was made again for it').toHaveLength(1)
})

it('what is under way when it comes back ends, and its copy counts', async () => {
  const { volume, lost, kept } = await healthy(4)
  const other = fleet.servers.find(({ held }) => held.size === 0)!
  other.isSlow = true
  fleet.stop(lost)
  await fleet.pass(HEAL_MS)
  expect((await fleet.copies(volume))[other.index]).toBe('copying')
  const { repairs: listed } = await fleet.bench.master.namespace.listRepairs(
    { before: null, repairsMax: 10 },
    openContext(fleet.bench.world.clock, 'r'),
  )
  expect(listed).toMatchObject([
    { state: 'running', target: `chunk-${other.index}`, bytes: 100, bytesDone: 50, endedMs: null },
  ])
  expect((await fleet.bench.master.figures.repair()).copies).toBe(1)
  await fleet.restart(lost)
  await fleet.pass(10_000)
  expect(await fleet.copies(volume)).toEqual(inSync([...kept, lost].map(({ index }) => index)))
  expect(await repairs()).toMatchObject([{ state: 'cancelled', lastError: 'enough-copies' }])
})

it('what was to be made on a server that is gone is made elsewhere, and nobody is told that it goes on', async () => {
  const { volume, lost, kept } = await healthy(5)
  for (const server of fleet.servers) server.isSlow = true
  fleet.stop(lost)
  await fleet.pass(HEAL_MS)
  const [first] = await repairs()
  const target = fleet.byId(first!.target)
  fleet.stop(target)
  for (const server of fleet.servers) server.isSlow = false
  await fleet.pass(HEAL_MS)
  const other = fleet.servers.find((each) => each !== target && each.toldToCopy.size > 0)!
  expect(await fleet.copies(volume)).toMatchObject(inSync([...kept, other].map(({ index }) => index)))
  const context = openContext(fleet.bench.world.clock, 'r')
  const { repairs: listed } = await fleet.bench.master.namespace.listRepairs(
    { before: null, repairsMax: 10 },
    context,
  )
  expect(listed.map(({ state, why }) => [state, why])).toEqual([
    ['done', null],
    ['running', 'its server is gone: it goes on, or is cancelled, when that is back'],
  ])
  expect((await fleet.bench.master.figures.repair()).copies).toBe(0)
  await fleet.restart(target)
  await fleet.pass(10_000)
  expect((await repairs()).map(({ state }) => state)).toEqual(['done', 'cancelled'])
})

it('with no other server nothing is tried, and it says for whom it waits', async () => {
  const { volume, lost, kept } = await healthy(3)
  fleet.stop(lost)
  await fleet.pass(120_000)
  expect(await repairs()).toEqual([])
  expect(await fleet.why()).toBe(`no other server: chunk-${lost.index}`)
  await fleet.restart(lost)
  await fleet.pass(5_000)
  expect(await fleet.copies(volume)).toEqual(inSync([...kept, lost].map(({ index }) => index)))
  expect(await fleet.why()).toBe('every volume has its copies')
})

it('a server that dies again and again is given more time each time', async () => {
  const { lost } = await healthy(4)
  for (const [round, silentMs] of [24_000, 28_000, 38_000].entries()) {
    fleet.stop(lost)
    await fleet.pass(silentMs)
    await fleet.restart(lost)
    await fleet.pass(10_000)
    expect(await repairs(), `round ${round}`).toEqual([])
  }
})

it('a server that has no room is not asked again for a while: another one makes the copy', async () => {
  const { volume, lost, kept } = await healthy(5)
  const others = fleet.servers.filter(({ held }) => held.size === 0)
  others[0]!.hasNoRoom = true
  others[1]!.isUp = false
  fleet.stop(lost)
  await fleet.pass(HEAL_MS)
  const [failed] = await repairs()
  expect(failed).toMatchObject({ target: others[0]!.id, state: 'failed' })
  expect(failed!.lastError).toBe('INSUFFICIENT_SPACE: the disk is full')
  const tried = await repairs()
  expect(tried.length, 'twice as long each time').toBeLessThan(5)
  await fleet.restart(others[1]!)
  await fleet.pass(HEAL_MS)
  const indexes = [...kept, others[1]!].map(({ index }) => index)
  expect(await fleet.copies(volume)).toMatchObject(inSync(indexes))
})

it('a copy for which some records were found nowhere is not waited for: another server makes one', async () => {
  const { volume, lost, kept } = await healthy(5)
  const others = fleet.servers.filter(({ held }) => held.size === 0)
  for (const other of others) other.lacksRecords = true
  fleet.stop(lost)
  await fleet.pass(HEAL_MS)
  const first = others.find(({ toldToCopy }) => toldToCopy.size > 0)!
  expect((await fleet.copies(volume))[first.index]).toBe('unverified')
  const lastError = 'no copy has 50 B of it whole: /torn'
  expect(await repairs()).toMatchObject([{ target: first.id, state: 'failed', lastError }])
  // It has its time to be mended, as any copy that was not read to its end.
  for (const other of others) other.lacksRecords = false
  await fleet.pass(CHECK_PAUSE_MS)
  const second = others.find((other) => other !== first)!
  const indexes = [...kept, second].map(({ index }) => index)
  expect(await fleet.copies(volume)).toEqual({ ...inSync(indexes), [lost.index]: 'inSync' })
})

it('a copy that does not get further is not waited for for ever: another server makes one', async () => {
  const { volume, lost, kept } = await healthy(5)
  const others = fleet.servers.filter(({ held }) => held.size === 0)
  for (const other of others) other.isSlow = true
  fleet.stop(lost)
  await fleet.pass(HEAL_MS)
  const [begun] = await repairs()
  const first = fleet.byId(begun!.target)
  const second = others.find((other) => other !== first)!
  second.isSlow = false
  await fleet.pass(STALL_MS)
  expect(await fleet.copies(volume)).toEqual({
    ...inSync([...kept, second].map(({ index }) => index)),
    [lost.index]: 'inSync',
  })
  expect(await repairs()).toMatchObject([
    { target: second.id, state: 'done' },
    { target: first.id, state: 'cancelled', lastError: 'no-way' },
  ])
})

it('nothing is made before most servers had time to register with a new start of the master', async () => {
  fleet = await Fleet.start(4)
  const order = await fleet.volume()
  await fleet.pass(2_000)
  // With one copy left nobody is waited for, but everybody has his time to register.
  for (const { server } of order.replicas.slice(1)) fleet.stop(fleet.byId(server))
  await fleet.pass(22_000)
  expect(await repairs()).toEqual([])
  expect(await fleet.why()).toBe('servers have 1 s more to register after the start')
  await fleet.pass(3_000)
  expect(await repairs()).toHaveLength(1)
})
