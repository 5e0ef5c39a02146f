/** Damaged copies: who is told to read again, whom to ask for right bytes, and reports that come late. */
import { type FilePath, findCopies, reportDamage, sealVolume, type VolumeOrder } from '@dfs/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { MasterBench } from './fixture/master-bench.ts'

const context = { requestId: 'test', deadlineMs: Infinity }

const benches: MasterBench[] = []
async function start(): Promise<MasterBench> {
  const bench = await MasterBench.start()
  benches.push(bench)
  return bench
}

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.master.stop()
})

/** A sealed volume, and a holder that has verified its copy. */
async function sealedVolume(
  b: MasterBench,
): Promise<{ order: VolumeOrder; holder: number; replica: number }> {
  const [s0] = await b.registerAll(3)
  const [order] = await b.allocate(s0!)
  await b.write(s0!, 1, order!)
  await b.call(sealVolume, { volume: order!.volume, reason: 'test' })
  const { server, replica } = order!.replicas[1]!
  const { volume } = order!
  const report = { volume, replica, state: 'sealed', lengthBytes: 200, verifiedToBytes: 200 } as const
  expect((await b.heartbeat(server, { replicas: [report] })).orders).toEqual([])
  return { order: order!, holder: server, replica }
}

describe('a report of damage', () => {
  it('makes the holder read the record again, until it says that it did', async () => {
    const b = await start()
    const { order, holder, replica } = await sealedVolume(b)
    const { volume } = order
    const damage = { volume, server: holder, offset: 100, recordSize: 100 }
    await b.call(reportDamage, damage)
    await b.call(reportDamage, damage)
    const check = { kind: 'check', volume, replica, offset: 100, recordSize: 100 }
    expect((await b.heartbeat(holder)).orders).toEqual([check])
    expect((await b.heartbeat(holder)).orders).toEqual([check])
    const checked = [{ replica, offset: 100 }]
    expect((await b.heartbeat(holder, { checked })).orders).toEqual([])
  })

  it('finds whom to ask for right bytes: the holders by the books', async () => {
    const b = await start()
    const { order, holder, replica } = await sealedVolume(b)
    const known = await b.call(findCopies, { volume: order.volume })
    expect(known).toMatchObject({ epoch: b.store.epoch(), sealedLengthBytes: 200 })
    expect(known.copies[0]).toEqual({ server: holder, replica, state: 'inSync' })
    expect(known.copies).toHaveLength(3)
    await expect(b.call(findCopies, { volume: 4711 })).rejects.toMatchObject({ code: 'VOLUME_NOT_FOUND' })
  })

  it('seals an open volume, so that every holder verifies its copy', async () => {
    const b = await start()
    const [s0] = await b.registerAll(3)
    const [order] = await b.allocate(s0!)
    await b.write(s0!, 1, order!)
    const { volume } = order!
    await b.call(reportDamage, { volume, server: s0!, offset: 100, recordSize: 100 })
    for (const { server, replica } of order!.replicas) {
      const seal = { kind: 'seal', volume, replica, sealedLengthBytes: 200 }
      expect((await b.heartbeat(server)).orders).toEqual([seal])
    }
  })

  it('is refused if that server has no copy', async () => {
    const b = await start()
    const { order } = await sealedVolume(b)
    const damage = { volume: order.volume, server: 99, offset: 0, recordSize: 1 }
    await expect(b.call(reportDamage, damage)).rejects.toMatchObject({ code: 'VOLUME_NOT_FOUND' })
  })
})

describe('a report that comes late', () => {
  it('does not undo what a newer one said: a heartbeat that lay in a queue, a registration that came twice', async () => {
    const b = await start()
    const { order, holder, replica } = await sealedVolume(b)
    const { volume } = order
    const locations = async (): Promise<readonly number[]> => {
      const found = await b.master.namespace.lookup(
        { by: 'path', path: '/f' as FilePath, version: null, fromByte: 0, chunksMax: 1 },
        context,
      )
      return (found.kind === 'file' ? found.locations.get(volume) : undefined) ?? []
    }
    expect((await locations())[0], 'it is verified, the others are not').toBe(holder)
    const report = { volume, replica, state: 'sealed', lengthBytes: 200, verifiedToBytes: 0 } as const
    await b.heartbeat(holder, { number: 1, replicas: [report] })
    await b.register(b.indexOf(holder), { number: 1, replicas: [report] })
    expect((await locations())[0]).toBe(holder)
    await b.heartbeat(holder, { replicas: [report] })
    expect((await locations())[0], 'damaged by now').not.toBe(holder)
  })
})
