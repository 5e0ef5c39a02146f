/** Servers that are gone for good: what ends with them, what is forgotten of them, and what they alone may have. */
import { type ReplicaReport, type VolumeOrder } from '@dfs/protocol'
import { expect, it } from 'vitest'
import { type Replaced } from '../../src/metadata/removal-store.ts'
import { describeStores } from '../fixture/describe-stores.ts'
import { NOW, type StoreBench } from '../fixture/store-bench.ts'
import { storeLong, viewOf } from '../fixture/stored-copies.ts'

const LENGTH = 110

const reportOf = ({ volume, replicas }: VolumeOrder, index: number): ReplicaReport => ({
  volume,
  replica: replicas[index]!.replica,
  state: 'sealed',
  lengthBytes: LENGTH,
  verifiedToBytes: LENGTH,
})

/** A sealed volume with a file, in-sync on these servers. */
async function whole(b: StoreBench, at: string, ...indexes: number[]): Promise<VolumeOrder> {
  const order = await b.volume(...indexes)
  await b.commitAs(b.servers[indexes[0]!]!, [
    { ...b.write(at, b.chunk(order, 10)), id: idOf(b, indexes[0]!) },
  ])
  await b.store.sealVolumes([order.volume], 'test', NOW)
  for (const [place, index] of indexes.entries())
    await b.store.noteReports(b.servers[index]!, [reportOf(order, place)], NOW)
  return order
}

const idOf = (b: StoreBench, index: number) => b.nextId(b.servers[index]!)

const remove = (b: StoreBench, index: number): Promise<boolean> =>
  b.store.removing.remove(b.servers[index]!, NOW)

const copiesOf = async (b: StoreBench, { volume }: VolumeOrder): Promise<Record<number, string>> => {
  const [known] = await b.store.repairing.knownVolumes([volume])
  const indexOf = (id: number): number => b.servers.findIndex(({ server }) => server === id)
  return Object.fromEntries(known?.copies.map(({ server, state }) => [indexOf(server), state]) ?? [])
}

/** All steps; how many copies were forgotten, and which servers by index. */
async function forgetAll(b: StoreBench, replaced: readonly Replaced[] = [], countMax = 100) {
  let [copies, servers] = [0, [] as number[]]
  for (;;) {
    const step = await b.store.removing.forget(replaced, countMax, NOW)
    copies += step.copies
    servers = [...step.servers]
    if (!step.isMoreLeft) return { copies, servers }
  }
}

const named = async (b: StoreBench): Promise<string[]> => (await b.store.servers()).map(({ name }) => name)

async function onlyThere(b: StoreBench, index: number, gone: number[], volumesMax = 2000) {
  const view = viewOf(b, { dead: gone })
  const counting = b.store.removing.countOnlyThere(b.servers[index]!.server, view)
  const page = { after: null, filesMax: 10 }
  for (;;) {
    const found = await counting.step(volumesMax)
    if (found === null) continue
    const { files } = await b.store.removing.filesOnlyThere(b.servers[index]!.server, page, view)
    return { ...found, paths: files.map(({ path }) => path) }
  }
}

describeStores('a server that was removed', (bench) => {
  it('is refused with its disk, in any incarnation, and whatever it commits', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume(0, 1, 2)
    expect(await remove(b, 0)).toBe(true)
    const code = { code: 'SERVER_REMOVED' }
    for (const incarnation of [1, 2])
      await expect(b.beginToRegister(0, incarnation)).rejects.toMatchObject(code)
    await expect(b.store.noteReports(b.servers[0]!, [], NOW)).rejects.toMatchObject(code)
    await expect(b.store.finishRegistration(b.servers[0]!)).rejects.toMatchObject(code)
    const late = await b.commitAs(b.servers[0]!, [b.write('/late', b.chunk(order, 10))])
    expect(late).toMatchObject([{ ok: false, code: 'SERVER_REMOVED' }])
    const again = { primary: b.servers[0]!, kind: 'small', number: 2, sets: [[b.servers[0]!]] } as const
    await expect(b.store.allocateVolumes(again, NOW)).rejects.toMatchObject(code)
  })

  it('is so once, and only in the incarnation that was looked at', async () => {
    const b = bench()
    await b.addServers(2)
    await b.register(1, 2)
    await expect(remove(b, 1)).rejects.toMatchObject({ code: 'SERVER_ALIVE' })
    expect(await b.store.servers()).toMatchObject([{ mode: 'active' }, { mode: 'active' }])
    const unknown = { server: 999, incarnation: 1 }
    await expect(b.store.removing.remove(unknown, NOW)).rejects.toMatchObject({ code: 'UNKNOWN_SERVER' })
    expect(await remove(b, 0)).toBe(true)
    const { sequence } = b.store.epoch()
    expect(await remove(b, 0)).toBe(false)
    expect(b.store.epoch().sequence, 'nothing is written').toBe(sequence)
  })

  it('leaves no volume open', async () => {
    const b = bench()
    await b.addServers(3)
    const [own, others] = [await b.volume(0, 1, 2), await b.volume(1, 0)]
    await remove(b, 0)
    for (const index of [0, 1]) expect(await b.store.openVolumesOf(b.servers[index]!.server)).toEqual([])
    for (const { volume } of [own, others])
      expect((await b.store.copiesOf(volume)).sealedLengthBytes).not.toBeNull()
  })

  it('keeps no format from being written that the others read', async () => {
    const b = bench()
    await b.register(0, 1, { featureLevel: 1 })
    await b.register(1, 1)
    b.servers = (await b.store.servers()).map(({ id }) => ({ server: id, incarnation: 1 }))
    expect(b.store.featureLevel()).toBe(1)
    await remove(b, 0)
    expect(b.store.featureLevel()).toBe(2)
  })

  it('holds no copy of the metadata that anybody waits for', async () => {
    const b = bench()
    await b.addServers(3)
    const [first, second, third] = b.servers.map(({ server }) => server)
    await b.store.holding.propose([first!, second!])
    await b.store.holding.settle()
    await b.store.holding.propose([first!, second!, third!])
    await remove(b, 1)
    expect(b.store.holding.sets()).toEqual({ counting: [first], next: [first, third] })
    await remove(b, 0)
    expect(b.store.holding.sets()).toEqual({ counting: [], next: [third] })
  })

  it('counts for no receipt, also in the moment before anybody was told', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume(1, 0, 2)
    const upload = b.nextId(b.servers[1])
    const stage = { kind: 'stage', id: idOf(b, 1), upload, start: 0, chunk: b.chunk(order, 10) } as const
    await b.commitAs(b.servers[1]!, [stage])
    await b.store.sealVolumes([order.volume], 'test', NOW)
    for (const [place, { server, incarnation }] of order.replicas.entries())
      await b.store.noteReports({ server, incarnation }, [reportOf(order, place)], NOW)
    await remove(b, 0)
    const write = { ...b.write('/f', null, { size: 10, upload }), id: idOf(b, 1) }
    expect(await b.commitAs(b.servers[1]!, [write])).toMatchObject([{ ok: true, copies: 2 }])
  })

  it('is forgotten with its copies, in steps, where others have them; its disk is refused still', async () => {
    const b = bench()
    await b.addServers(3)
    const orders: VolumeOrder[] = []
    for (const at of ['/a', '/b', '/c']) orders.push(await whole(b, at, 0, 1, 2))
    await remove(b, 0)
    expect(await copiesOf(b, orders[0]!)).toEqual({ 0: 'inSync', 1: 'inSync', 2: 'inSync' })
    expect(await named(b)).toEqual(['chunk-0', 'chunk-1', 'chunk-2'])
    const { server } = b.servers[0]!
    expect(await b.store.removing.forget([], 2, NOW)).toEqual({ copies: 2, servers: [], isMoreLeft: true })
    expect(await b.store.removing.forget([], 2, NOW)).toMatchObject({ copies: 1, servers: [server] })
    for (const order of orders) expect(await copiesOf(b, order)).toEqual({ 1: 'inSync', 2: 'inSync' })
    expect(await named(b)).toEqual(['chunk-1', 'chunk-2'])
    expect((await b.store.serverNames()).get(server)).toBe('chunk-0')
    await expect(b.beginToRegister(0, 2)).rejects.toMatchObject({ code: 'SERVER_REMOVED' })
  })

  it('stays where it had the only copy, so that it is said what became of it', async () => {
    const b = bench()
    await b.addServers(3)
    const [alone, both, shared] = [
      await whole(b, '/1', 0),
      await whole(b, '/2', 0, 1),
      await whole(b, '/3', 0, 2),
    ]
    for (const index of [0, 1]) await remove(b, index)
    expect(await forgetAll(b)).toEqual({ copies: 1, servers: [] })
    expect(await copiesOf(b, alone)).toEqual({ 0: 'inSync' })
    expect(await copiesOf(b, both)).toEqual({ 0: 'inSync', 1: 'inSync' })
    expect(await copiesOf(b, shared)).toEqual({ 2: 'inSync' })
    expect(await forgetAll(b), 'and again').toEqual({ copies: 0, servers: [] })
    expect((await b.file('/1')).info.size).toBe(10)
  })

  it('lets the volumes go that are being deleted, and ends what was made there', async () => {
    const b = bench()
    await b.addServers(4)
    const [empty, short] = [await b.volume(1, 0), await whole(b, '/a', 1, 2)]
    await b.register(1, 2)
    b.servers[1] = { ...b.servers[1]!, incarnation: 2 }
    await b.store.noteReports(b.servers[1], [reportOf(short, 0)], NOW)
    expect((await b.store.deleteEmptyVolumes(9, 0)).deleted).toEqual([empty.volume])
    await b.store.noteDropped(b.servers[1], [{ volume: empty.volume, replica: empty.replicas[0]!.replica }])
    const sources = [{ server: b.servers[1].server, replica: short.replicas[0]!.replica }]
    const copy = { kind: 'copy', volume: short.volume, sources, target: b.servers[0]!.server } as const
    const ground = {
      up: new Set(b.servers.map(({ server }) => server)),
      wanted: 3,
      minReplicas: 2,
      wallMs: NOW,
    }
    const action = { ...copy, cause: 'lost', priority: 2, replaces: null } as const
    expect(await b.store.repairing.carryOut(action, ground)).toBe(true)
    expect(await b.store.totals()).toMatchObject({ volumesDeleting: 1, deletingOn: [b.servers[0]!.server] })
    await remove(b, 0)
    expect(await forgetAll(b)).toEqual({ copies: 2, servers: [b.servers[0]!.server] })
    expect(await b.store.totals()).toMatchObject({ volumesDeleting: 0, deletingOn: [] })
    expect(await copiesOf(b, short)).toEqual({ 1: 'inSync', 2: 'inSync' })
    const [repair] = await b.store.repairing.page(Number.MAX_SAFE_INTEGER, 9)
    expect(repair).toMatchObject({ state: 'cancelled', lastError: 'its server is gone for good' })
  })
})

describeStores('what one server alone may have', (bench) => {
  it('is what nobody else is known to have a good copy of, each content once', async () => {
    const b = bench()
    await b.addServers(4)
    await whole(b, '/shared', 0, 1)
    await whole(b, '/alone', 0)
    const [one, two] = [await b.volume(0, 2), await b.volume(0, 3)]
    await storeLong(b, '/long', [b.chunk(one, 10), b.chunk(two, 10)])
    await b.store.sealVolumes([one.volume, two.volume], 'test', NOW)
    expect(await onlyThere(b, 0, [0])).toEqual({ files: 1, bytes: LENGTH, paths: ['/alone'] })
    expect(await onlyThere(b, 0, [0, 2, 3], 1)).toEqual({
      files: 2,
      bytes: 3 * LENGTH,
      paths: ['/alone', '/long'],
    })
    expect(await onlyThere(b, 1, [0, 1])).toMatchObject({ files: 1, paths: ['/shared'] })
    expect(await onlyThere(b, 3, [3])).toEqual({ files: 0, bytes: 0, paths: [] })
  })

  it('is known only where others have verified theirs', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await whole(b, '/a', 0, 1)
    expect(await onlyThere(b, 0, [0])).toMatchObject({ files: 0 })
    await b.beginToRegister(1, 2)
    b.servers[1] = { ...b.servers[1]!, incarnation: 2 }
    expect(await onlyThere(b, 0, [0])).toMatchObject({ files: 1, paths: ['/a'] })
    await b.store.noteReports(b.servers[1], [reportOf(order, 1)], NOW)
    expect(await onlyThere(b, 0, [0])).toMatchObject({ files: 0 })
  })

  it('is nothing where it has lost its copy, and something where that is damaged', async () => {
    const b = bench()
    await b.addServers(1)
    const [lost, damaged] = [await whole(b, '/lost', 0), await whole(b, '/damaged', 0)]
    await b.register(0, 2, { reports: [{ ...reportOf(damaged, 0), state: 'failed' }] })
    b.servers[0] = { ...b.servers[0]!, incarnation: 2 }
    expect(await copiesOf(b, lost)).toEqual({ 0: 'lost' })
    expect(await onlyThere(b, 0, [0])).toMatchObject({ files: 1, paths: ['/damaged'] })
  })
})

describeStores('a disk that was replaced', (bench) => {
  /** Another disk takes the place of the first server, under a name. */
  async function replace(b: StoreBench, name = 'chunk-0'): Promise<Replaced> {
    const registration = { diskUid: 'f'.repeat(32), name, internalAddress: '127.0.0.1:7171' }
    const rest = { incarnation: 1, publicPort: 7071, advertisedUrl: null, zone: 'z0', featureLevel: 3 }
    const { server } = await b.store.registerServer({ ...registration, ...rest }, NOW)
    while (await b.store.finishRegistration({ server, incarnation: 1 }));
    return { server: b.servers[0]!.server, by: server }
  }

  it('is forgotten when nothing names it, and is a new server if it comes back', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await b.volume(1, 0)
    const replaced = await replace(b)
    expect(await forgetAll(b, [replaced])).toEqual({ copies: 0, servers: [] })
    await b.register(1, 2)
    b.servers[1] = { ...b.servers[1]!, incarnation: 2 }
    expect((await b.store.deleteEmptyVolumes(9, 0)).deleted).toEqual([order.volume])
    expect(await forgetAll(b, [replaced]), 'what it was to drop').toEqual({ copies: 1, servers: [] })
    expect(await forgetAll(b, [replaced])).toEqual({ copies: 0, servers: [replaced.server] })
    expect(await named(b)).toEqual(['chunk-1', 'chunk-0'])
    const late = await b.commitAs(b.servers[0]!, [b.write('/late', null)])
    expect(late).toMatchObject([{ ok: false, code: 'UNKNOWN_SERVER' }])
    const back = await b.beginToRegister(0, 2)
    expect(back).toMatchObject({ isNewServer: true })
    expect([replaced.server, replaced.by]).not.toContain(back.server)
  })

  it('stays as long as a copy names it that counts when it is back', async () => {
    const b = bench()
    await b.addServers(2)
    await whole(b, '/a', 0, 1)
    const replaced = await replace(b)
    expect(await forgetAll(b, [replaced])).toEqual({ copies: 0, servers: [] })
    await b.register(0, 2)
    expect(await named(b)).toEqual(['chunk-0', 'chunk-1', 'chunk-0'])
  })

  it('stays where another one has its place, or nobody who has said what it has', async () => {
    const b = bench()
    await b.addServers(2)
    const other = await replace(b, 'another')
    expect(await forgetAll(b, [other])).toEqual({ copies: 0, servers: [] })
    const [first, second] = b.servers
    const elsewhere = { server: first!.server, by: second!.server }
    expect(await forgetAll(b, [elsewhere])).toEqual({ copies: 0, servers: [] })
  })

  it('stays as long as it holds a copy of the metadata', async () => {
    const b = bench()
    await b.addServers(2)
    const replaced = await replace(b)
    await b.store.holding.propose([replaced.server])
    expect(await forgetAll(b, [replaced])).toEqual({ copies: 0, servers: [] })
    await b.store.holding.propose([replaced.by])
    expect(await forgetAll(b, [replaced])).toEqual({ copies: 0, servers: [replaced.server] })
  })
})
