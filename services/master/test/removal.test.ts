/** A person names servers as gone for good: what is refused, what is named first, and what goes on then. */
import { openContext, type RemovalView, type ServerInfo, type VolumeOrder } from '@dfs/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { openAt, removeTemporaryDirectories, temporaryDirectory } from './fixture/engines.ts'
import { MasterBench } from './fixture/master-bench.ts'

const SETTLE_MS = 26_000

let b: MasterBench

afterEach(async () => {
  await b.master.stop()
  removeTemporaryDirectories()
})

const context = () => openContext(b.world.clock, 'r')
const remove = (
  name: string,
  { id = null, acceptLoss = false }: { id?: number | null; acceptLoss?: boolean } = {},
): Promise<RemovalView> => b.master.namespace.removeServer({ server: { name, id }, acceptLoss }, context())
const listed = async (): Promise<ServerInfo[]> => (await b.master.namespace.viewCluster(context())).servers
const reasons = async () => (await b.master.namespace.viewHealth(context())).reasons
const why = (name: string): string | null => b.master.workers().find((worker) => worker.name === name)!.why

/** A sealed volume with a file that the first servers of its set have verified. */
async function stored(primary: number, at: string, verified: number): Promise<VolumeOrder> {
  const [order] = await b.allocate(primary)
  expect(await b.write(primary, 0, order!, at)).toBe('ok')
  await b.store.sealVolumes([order!.volume], 'test', 0)
  for (const { server, replica } of order!.replicas.slice(0, verified))
    await b.heartbeat(server, { replicas: [wholeCopy(order!.volume, replica)] })
  return order!
}

const wholeCopy = (volume: number, replica: number) =>
  ({
    volume,
    replica,
    state: 'sealed',
    lengthBytes: 100,
    sealedLengthBytes: 100,
    verifiedToBytes: 100,
  }) as const

describe('one that is not gone', () => {
  it('is refused, with how long it must have been silent', async () => {
    b = await MasterBench.start()
    const [first, second] = await b.registerAll(2)
    await expect(remove('chunk-9')).rejects.toMatchObject({ code: 'SERVER_NOT_FOUND' })
    await b.pass(19_000, first!)
    await expect(remove('chunk-1')).rejects.toMatchObject({
      code: 'SERVER_ALIVE',
      detail: `chunk-1 (id ${second}) was heard 19 s ago: it must have been silent for 20 s`,
    })
    await b.pass(1_000, first!)
    expect(await remove('chunk-1')).toEqual({
      id: second,
      name: 'chunk-1',
      wasRemoved: false,
      files: 0,
      bytes: 0,
      paths: [],
    })
    await expect(remove('chunk-0')).rejects.toMatchObject({ code: 'SERVER_ALIVE' })
  })

  it('is refused after a start of the master until it had its time', async () => {
    const directory = temporaryDirectory()
    b = await MasterBench.start(await openAt(directory))
    const [first] = await b.registerAll(1)
    await b.master.stop()
    b = await MasterBench.start(await openAt(directory, 2))
    await b.pass(19_000)
    await expect(remove('chunk-0')).rejects.toMatchObject({
      code: 'SERVER_ALIVE',
      detail: `chunk-0 (id ${first}) has not been heard since the master started 19 s ago: it must have been silent for 20 s`,
    })
    await b.pass(1_000)
    expect(await remove('chunk-0')).toMatchObject({ wasRemoved: false })
  })
})

it('is told that it was removed, whatever it asks, and nobody else is told of it', async () => {
  b = await MasterBench.start()
  const [first, second] = await b.registerAll(2)
  await b.pass(20_000, first!)
  await remove('chunk-1')
  expect(await remove('chunk-1'), 'it is the same again').toMatchObject({ id: second, wasRemoved: true })
  const code = { code: 'SERVER_REMOVED' }
  await expect(b.heartbeat(second!)).rejects.toMatchObject(code)
  await expect(b.register(1)).rejects.toMatchObject(code)
  await expect(b.register(1, { incarnation: 2 })).rejects.toMatchObject(code)
  expect((await b.commit(second!, b.writeCommand(second!, 1, '/a'))).ok).toBe(false)
  await b.pass(2_000, first!)
  expect((await listed()).map(({ name }) => name)).toEqual(['chunk-0'])
  await expect(b.heartbeat(second!), 'it has to register').rejects.toMatchObject({ code: 'UNKNOWN_SERVER' })
  await expect(b.register(1, { incarnation: 3 })).rejects.toMatchObject(code)
  expect(await remove('chunk-1')).toMatchObject({ id: second, wasRemoved: true })
})

describe('the files that it alone may have', () => {
  it('are named first, and given up only if that is accepted', async () => {
    b = await MasterBench.start()
    const ids = await b.registerAll(4)
    const order = await stored(ids[0]!, '/only', 1)
    const holders = order.replicas.map(({ server }) => server)
    const others = ids.filter((id) => id !== holders[0])
    // They have started without their copies.
    for (const id of others) await b.register(ids.indexOf(id), { incarnation: 2 })
    const pass = async (seconds: number): Promise<void> => {
      for (let left = seconds; left > 0; left -= 1) {
        await b.pass(1000)
        for (const id of others) await b.heartbeat(id, { incarnation: 2 })
      }
    }
    await pass(20)
    const name = `chunk-${ids.indexOf(holders[0]!)}`
    await expect(remove(name)).rejects.toMatchObject({
      code: 'WOULD_LOSE_FILES',
      detail: `nobody else is known to have a good copy of 1 file (100 B): /only. \`dfs why --only-on ${name} --id ${holders[0]}\` lists them`,
    })
    const asked = { state: 'only-on', after: null, filesMax: 9, server: { name, id: null } } as const
    expect(await b.master.namespace.listWeakFiles(asked, context())).toMatchObject({
      state: 'only-on',
      files: [{ path: '/only', size: 10, condition: 'lost' }],
      total: 1,
    })
    expect((await listed()).every(({ mode }) => mode === 'active')).toBe(true)
    expect(await remove(name, { acceptLoss: true })).toMatchObject({ files: 1, bytes: 100, paths: ['/only'] })
    await pass(3)
    const lost = (await reasons()).find(({ code }) => code === 'files-lost')
    expect(lost?.text).toContain(`${name} was removed`)
  })

  it('are none where others have them', async () => {
    b = await MasterBench.start()
    const ids = await b.registerAll(3)
    const order = await stored(ids[0]!, '/all', 3)
    const [gone, ...others] = order.replicas.map(({ server }) => server)
    await b.pass(20_000, ...others)
    expect(await remove(`chunk-${ids.indexOf(gone!)}`)).toMatchObject({ files: 0 })
    await b.pass(2_000, ...others)
    const [known] = await b.store.repairing.knownVolumes([order.volume])
    expect(known!.copies.map(({ server }) => server)).toEqual(others)
    const short = (await reasons()).find(({ code }) => code === 'files-short')
    expect(short?.text, 'nobody is named any more').toBe(
      '1 file (100 B) has 2 of 3 copies: another copy is made next',
    )
  })
})

it('of two of one name the one is meant that is not there, and an id chooses among several', async () => {
  b = await MasterBench.start()
  const [first, other] = await b.registerAll(2)
  const { serverId: second } = await b.register(8, { name: 'chunk-0' })
  const { serverId: third } = await b.register(9, { name: 'chunk-0' })
  await b.pass(20_000, third, other!)
  await expect(remove('chunk-0')).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
    detail: `several servers are called chunk-0, say which by its id: id ${first} and id ${second}`,
  })
  await expect(remove('chunk-0', { id: third })).rejects.toMatchObject({ code: 'SERVER_ALIVE' })
  await expect(remove('chunk-0', { id: other! })).rejects.toMatchObject({ code: 'SERVER_NOT_FOUND' })
  expect(await remove('chunk-0', { id: second })).toMatchObject({ id: second })
  expect(await remove('chunk-0')).toMatchObject({ id: first, wasRemoved: false })
  expect(await remove('chunk-0')).toMatchObject({ id: second, wasRemoved: true })
})

describe('a master that waits for most of the servers', () => {
  it('acts when those are removed that will not come back', async () => {
    const directory = temporaryDirectory()
    b = await MasterBench.start(await openAt(directory))
    const ids = await b.registerAll(5)
    const order = await stored(ids[0]!, '/kept', 3)
    const holders = new Set(order.replicas.map(({ server }) => server))
    const there = ids.filter((id) => holders.has(id)).slice(0, 2)
    const gone = ids.filter((id) => !there.includes(id))
    const nameOf = (id: number): string => `chunk-${ids.indexOf(id)}`
    await b.master.stop()

    b = await MasterBench.start(await openAt(directory, 2))
    for (const id of there) {
      const { replica } = order.replicas.find(({ server }) => server === id)!
      await b.register(ids.indexOf(id), { incarnation: 1, replicas: [wholeCopy(order.volume, replica)] })
    }
    await b.pass(SETTLE_MS, ...there)
    expect(why('repair-copies')).toBe('it waits for a majority of the servers')
    const [short] = (await reasons()).filter(({ code }) => code === 'server-not-heard')
    expect(short!.servers).toEqual(gone.map(nameOf))
    expect(short!.next).toContain('dfs server remove NAME --lost')

    expect(await remove(nameOf(gone[0]!))).toMatchObject({ files: 0 })
    await b.pass(2_000, ...there)
    expect(why('repair-copies'), 'two of four are not most of them').toContain('majority')
    await remove(nameOf(gone[1]!))
    await b.pass(2_000, ...there)
    expect(why('repair-copies')).not.toContain('majority')
    expect((await reasons()).map(({ code }) => code)).toContain('server-gone')
    await remove(nameOf(gone[2]!))
    await b.pass(3_000, ...there)
    const { serverId: joined } = await b.register(7)
    await b.pass(8_000, ...there, joined)
    const running = await b.store.repairing.running()
    expect(running, 'a copy is made on the one that has joined').toMatchObject([{ target: joined }])
  })

  it('is not changed by a restored backup, which nobody obeys', async () => {
    b = await MasterBench.start()
    await b.registerAll(1)
    const seenEpoch = { ...b.store.epoch(), counter: 9 }
    await expect(b.register(1, { seenEpoch })).rejects.toMatchObject({ code: 'STALE_EPOCH' })
    await b.pass(30_000)
    await expect(remove('chunk-0')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

it('a record of a disk that was replaced goes by itself when nothing names it', async () => {
  b = await MasterBench.start()
  const [first, other] = await b.registerAll(2)
  const { serverId: second } = await b.register(9, { internalAddress: '127.0.0.1:7171', name: 'chunk-0' })
  await b.pass(19_000, second, other!)
  expect((await listed()).map(({ id }) => id)).toEqual([first, other, second])
  await b.pass(4_000, second, other!)
  expect((await listed()).map(({ id }) => id)).toEqual([other, second])
  const back = await b.register(0, { incarnation: 2, internalAddress: '127.0.0.1:7999' })
  expect([first, other, second]).not.toContain(back.serverId)
})
