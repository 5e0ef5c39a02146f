/** How well a file is kept now (R23): the copies that are good at the moment of a look-up, of the weakest chunk that was looked at. */
import { expect, it } from 'vitest'
import { type FoundFile, type ReplicaReport, type VolumeOrder } from '@dfs/protocol'
import { describeStores } from '../fixture/describe-stores.ts'
import { NOW, path, type StoreBench } from '../fixture/store-bench.ts'

const report = (order: VolumeOrder, index: number, change: Partial<ReplicaReport>): ReplicaReport => ({
  volume: order.volume,
  replica: order.replicas[index]!.replica,
  state: 'sealed',
  lengthBytes: 0,
  verifiedToBytes: 0,
  ...change,
})

interface Asked {
  readonly isOfAllCopies?: boolean
  readonly chunksMax?: number
}

/** Looks a file up while the servers given by index are there; all of them unless told otherwise. */
async function seen(
  b: StoreBench,
  at: string,
  there?: readonly number[],
  asked: Asked = {},
): Promise<FoundFile> {
  const all = b.servers.map((_, index) => index)
  const ids = new Set((there ?? all).map((index) => b.servers[index]!.server))
  const lookup = { by: 'path', path: path(at), version: null, fromByte: 0, chunksMax: 64, ...asked } as const
  const [found] = await b.store.lookupBatch([lookup], ids)
  if (found?.kind !== 'file') throw new Error(`${at} is no file: ${JSON.stringify(found)}`)
  return found
}

const now = async (...asked: Parameters<typeof seen>): Promise<FoundFile['now']> => (await seen(...asked)).now

/** Writes a file of as many chunks as there are orders, each into the volume of its order. */
async function writeLong(b: StoreBench, at: string, orders: readonly VolumeOrder[]): Promise<void> {
  const upload = b.nextId()
  for (const [index, order] of orders.entries()) {
    const stage = { kind: 'stage', upload, start: 10 * index, chunk: b.chunk(order, 10) } as const
    expect(await b.outcome(b.command(stage))).toBe('ok')
  }
  expect(await b.outcome(b.write(at, null, { upload, size: 10 * orders.length }))).toBe('ok')
}

describeStores('how well a file is kept now', (bench) => {
  it('is told by the servers that are there, in their zones', async () => {
    const b = bench()
    await b.addServers(3, ['east', 'east', 'west'])
    const order = await b.volume()
    await b.commit(b.write('/a', b.chunk(order, 10)))
    expect(await now(b, '/a')).toEqual({ copies: 3, zones: 2, firstChunks: null })
    expect(await now(b, '/a', [0, 1])).toEqual({ copies: 2, zones: 1, firstChunks: null })
    expect(await now(b, '/a', [])).toEqual({ copies: 0, zones: 0, firstChunks: null })
    const [found] = await b.store.lookupBatch([
      { by: 'path', path: path('/a'), version: null, fromByte: 0, chunksMax: 64 },
    ])
    expect(found, 'nobody was heard').toMatchObject({ now: { copies: 0 }, info: { copies: 3 } })
  })

  it('counts no copy that failed, that is lost, or that was found damaged; who has lost one is named', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    await b.commit(b.write('/a', b.chunk(order, 10)))
    await b.store.noteReports(b.servers[2]!, [report(order, 2, { state: 'failed' })], NOW)
    expect(await now(b, '/a'), 'two that wait to be verified where they were synced').toMatchObject({
      copies: 2,
    })
    await b.store.noteReports(b.servers[1]!, [report(order, 1, { verifiedToBytes: 5 })], NOW)
    expect(await now(b, '/a'), 'one of them was found damaged').toMatchObject({ copies: 1 })
    expect((await seen(b, '/a')).lostOn).toEqual(new Map())
    await b.register(0, 2)
    const found = await seen(b, '/a')
    expect(found.now).toMatchObject({ copies: 0, zones: 0 })
    expect(found.lostOn).toEqual(new Map([[order.volume, [b.servers[0]!.server]]]))
    expect(found.info, 'the promise stays').toMatchObject({ copies: 3, zones: 3 })
  })

  it('counts at once what a server that starts anew has verified before, and the rest when it was verified (R9)', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await b.volume()
    await b.commit(b.write('/a', b.chunk(order, 50)))
    await b.store.sealVolumes([order.volume], 'test', NOW)
    const whole = { lengthBytes: 150, verifiedToBytes: 150 }
    const part = { ...whole, verifiedToBytes: 100 }
    for (const index of [0, 1])
      await b.store.noteReports(b.servers[index]!, [report(order, index, whole)], NOW)
    await b.register(0, 2, { reports: [report(order, 0, whole)] })
    expect(await now(b, '/a')).toMatchObject({ copies: 2 })
    await b.register(0, 3, { reports: [report(order, 0, part)] })
    expect(await now(b, '/a')).toMatchObject({ copies: 1 })
    await b.store.noteReports({ ...b.servers[0]!, incarnation: 3 }, [report(order, 0, whole)], NOW)
    expect(await now(b, '/a')).toMatchObject({ copies: 2 })
  })

  it('counts an open copy of a server that starts anew only when it was sealed and verified', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await b.volume()
    await b.commit(b.write('/a', b.chunk(order, 50)))
    await b.register(1, 2, { reports: [report(order, 1, { state: 'open', lengthBytes: 150 })] })
    expect(await now(b, '/a')).toMatchObject({ copies: 1 })
    const verified = report(order, 1, { lengthBytes: 150, verifiedToBytes: 150 })
    await b.store.noteReports({ ...b.servers[1]!, incarnation: 2 }, [verified], NOW)
    expect(await now(b, '/a')).toMatchObject({ copies: 2 })
  })

  it('is that of the weakest chunk, of the first page alone where only that was looked at', async () => {
    const b = bench()
    await b.addServers(3)
    const [strong, weak] = [await b.volume(0, 1, 2), await b.volume(0, 1)]
    await writeLong(b, '/long', [strong, strong, weak])
    expect(await now(b, '/long')).toEqual({ copies: 2, zones: 2, firstChunks: null })
    expect(await now(b, '/long', undefined, { chunksMax: 2 })).toEqual({
      copies: 3,
      zones: 3,
      firstChunks: 2,
    })
  })

  it('is not looked at for attributes alone, unless all copies are asked for', async () => {
    const b = bench()
    await b.addServers(3)
    const [strong, weak] = [await b.volume(0, 1, 2), await b.volume(0, 1)]
    await writeLong(b, '/long', [...Array.from({ length: 70 }, () => strong), weak])
    expect(await now(b, '/long'), 'a page').toEqual({ copies: 3, zones: 3, firstChunks: 64 })
    expect(await seen(b, '/long', undefined, { chunksMax: 0 })).toMatchObject({ chunks: [], now: null })
    const asked = { chunksMax: 0, isOfAllCopies: true }
    expect(await seen(b, '/long', undefined, asked)).toMatchObject({
      chunks: [],
      locations: new Map(),
      now: { copies: 2, zones: 2, firstChunks: null },
    })
  })

  it('is nothing for a file without bytes, whose promise says all', async () => {
    const b = bench()
    await b.addServers(2)
    await b.touch('/empty')
    for (const asked of [{}, { chunksMax: 0, isOfAllCopies: true }])
      expect(await seen(b, '/empty', undefined, asked)).toMatchObject({ now: null, info: { copies: 0 } })
  })
})
