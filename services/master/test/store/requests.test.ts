/** Command ids: a command happens once, whoever repeats it and whatever happened in between. */
import { requireSuccess } from '@dfs/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { copyAsCrashed, openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { describeStores } from '../fixture/describe-stores.ts'
import { MOMENT, NOW, path, StoreBench } from '../fixture/store-bench.ts'

describeStores('requests', (bench) => {
  it('answers a repeated request with its first result, even a failure (R15)', async () => {
    const b = bench()
    await b.addServers(1)
    const [make, fail] = [b.write('/a', null), b.command({ kind: 'move', from: path('/x'), to: path('/y') })]
    const first = await b.commit(make, fail)
    await b.delete('/a')
    await b.touch('/x')
    expect(await b.commit(make, fail, make)).toEqual([...first, first[0]])
    expect(await b.list('/')).toEqual(['x'])
  })

  it('carries out a request once that stands twice in a batch, or in two batches of a transaction', async () => {
    const b = bench()
    await b.addServers(1)
    const write = b.write('/a', null)
    const request = { ...b.servers[0]!, watermark: 0, commands: [write, write] }
    const { results } = await b.store.commitBatch([request, request], MOMENT)
    expect(new Set(results.flat().map((result) => result.ok && result.operation)).size).toBe(1)
  })

  it('refuses numbers below the watermark and keeps those above (R15)', async () => {
    const b = bench()
    await b.addServers(1)
    const [sender] = b.servers
    const commands = [b.write('/1', null), b.write('/2', null), b.write('/3', null)]
    const first = await b.commitAs(sender!, commands)
    await b.commitAs(sender!, [], commands[1]!.id.number)
    const again = await b.commitAs(sender!, commands)
    expect(again[0]).toMatchObject({ ok: false, code: 'INVALID_REQUEST' })
    expect(again.slice(1)).toEqual(first.slice(1))
  })

  it('never lowers a watermark', async () => {
    const b = bench()
    await b.addServers(1)
    const [sender] = b.servers
    const write = b.write('/1', null)
    await b.commitAs(sender!, [], 100)
    expect(await b.commitAs(sender!, [write], 1)).toMatchObject([{ ok: false, code: 'INVALID_REQUEST' }])
  })

  it('refuses command ids of somebody else', async () => {
    const b = bench()
    await b.addServers(2)
    const foreign = b.write('/a', null, { id: b.nextId(b.servers[1]) })
    expect(await b.commit(foreign)).toMatchObject([{ code: 'INVALID_REQUEST' }])
    expect(await b.commitAs({ server: 77, incarnation: 1 }, [foreign])).toMatchObject([
      { code: 'UNKNOWN_SERVER' },
    ])
    const older = { server: 0, incarnation: b.store.epoch().counter + 1 }
    expect(await b.commitAs(older, [b.write('/a', null)])).toMatchObject([{ code: 'STALE_INCARNATION' }])
  })

  it('takes the commands of the master itself as sender 0', async () => {
    const b = bench()
    const self = { server: 0, incarnation: b.store.epoch().counter }
    const write = b.write('/a', null, { id: { ...self, number: 1 } })
    expect(await b.commitAs(self, [write])).toMatchObject([{ ok: true, created: true }])
  })

  it('counts transactions, and says the number of each', async () => {
    const b = bench()
    await b.addServers(1)
    const before = b.store.epoch().sequence
    const request = { ...b.servers[0]!, watermark: 0, commands: [b.write('/a', null)] }
    const { sequence } = await b.store.commitBatch([request], MOMENT)
    expect(sequence).toBe(before + 1)
    expect(b.store.epoch().sequence).toBe(sequence)
  })
})

describe('after a restart of the master', () => {
  afterEach(removeTemporaryDirectories)

  /** The same bench on what a crash of its store would leave. */
  async function restarted(b: StoreBench, directory: string): Promise<string> {
    const copy = copyAsCrashed(directory)
    await b.store.close()
    b.store = await openAt(copy, 3)
    return copy
  }

  it('still knows results, watermarks, uploads and open volumes', async () => {
    let directory = temporaryDirectory()
    const b = new StoreBench(await openAt(directory))
    await b.addServers(3)
    const order = await b.volume()
    const confirmed = b.write('/0', null)
    const upload = b.nextId()
    const stage = b.command({ kind: 'stage', upload, start: 0, chunk: b.chunk(order, 10) })
    const write = b.write('/a', b.chunk(order, 20))
    const first = await b.commit(confirmed, stage, write)
    await b.commitAs(b.servers[0]!, [], upload.number)
    directory = await restarted(b, directory)
    await b.delete('/a')

    directory = await restarted(b, directory)
    expect(await b.commit(confirmed, stage, write)).toEqual([
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
      first[1],
      first[2],
    ])
    expect(await b.list('/')).toEqual(['0'])
    expect(await b.outcome(b.write('/b', b.chunk(order, 5, { offset: 0 })))).toBe('OFFSET_CONFLICT')
    const final = { ...b.command({ kind: 'stage', upload, start: 10, chunk: b.chunk(order, 1) }) }
    expect(await b.outcome(final)).toBe('ok')
    await b.store.close()
  })

  it('answers a request for volumes as it did before', async () => {
    const directory = temporaryDirectory()
    const b = new StoreBench(await openAt(directory))
    await b.addServers(2)
    const order = await b.volume()
    await restarted(b, directory)
    const request = { primary: b.servers[0]!, kind: 'small', number: 1, sets: [b.servers] } as const
    expect(await b.store.allocateVolumes(request, NOW)).toEqual([order])
    await b.store.close()
  })

  it('has a higher epoch, another nonce, a sequence that goes on, and ids never made before (R6)', async () => {
    let directory = temporaryDirectory()
    const b = new StoreBench(await openAt(directory))
    await b.addServers(1)
    const [before] = await b.commit(b.write('/a', null))
    const old = b.store.epoch()
    directory = await restarted(b, directory)
    const epoch = b.store.epoch()
    expect(epoch.counter).toBe(old.counter + 1)
    expect(epoch.nonce).not.toBe(old.nonce)
    expect(epoch.sequence).toBeGreaterThan(old.sequence)
    const [after] = await b.commit(b.write('/b', null))
    expect(requireSuccess(after!).operation).toBeGreaterThan(requireSuccess(before!).operation)
    await b.store.close()
  })

  it('knows what was seen of any start before, and lacks it for good if it is a restored backup (R6)', async () => {
    let directory = temporaryDirectory()
    const b = new StoreBench(await openAt(directory))
    await b.addServers(1)
    const first = b.store.epoch()
    const backup = copyAsCrashed(directory)
    await b.touch('/acknowledged')
    const seen = b.store.epoch()
    expect(await b.store.includes(seen)).toBe(true)
    directory = await restarted(b, directory)
    for (const epoch of [first, seen, b.store.epoch()]) expect(await b.store.includes(epoch)).toBe(true)
    expect(await b.store.includes({ ...seen, nonce: 'f'.repeat(16) }), 'a start of another copy').toBe(false)
    expect(await b.store.includes({ ...seen, counter: 9 }), 'a start to come').toBe(false)
    await b.store.close()

    b.store = await openAt(backup, 7)
    const lacksIt = async (): Promise<void> => {
      for (let transactions = 0; transactions < 5; transactions += 1) {
        expect(await b.store.includes(seen)).toBe(false)
        await b.touch('/other')
      }
      expect(b.store.epoch().sequence).toBeGreaterThan(seen.sequence)
    }
    await lacksIt()
    await restarted(b, backup)
    expect(await b.store.includes(first)).toBe(true)
    await lacksIt()
    await b.store.close()
  })

  it('refuses commands that the master sent itself before', async () => {
    const directory = temporaryDirectory()
    const b = new StoreBench(await openAt(directory))
    const self = { server: 0, incarnation: b.store.epoch().counter }
    const write = b.write('/a', null, { id: { ...self, number: 1 } })
    await b.commitAs(self, [write])
    await restarted(b, directory)
    expect(await b.commitAs(self, [write])).toMatchObject([{ code: 'STALE_INCARNATION' }])
    const next = { server: 0, incarnation: b.store.epoch().counter }
    const same = { ...write, id: { ...next, number: 1 }, path: path('/b') } as typeof write
    expect(await b.commitAs(next, [same])).toMatchObject([{ ok: true, created: true }])
    await b.store.close()
  })

  it('drops uploads and results of an incarnation that has ended', async () => {
    const directory = temporaryDirectory()
    const b = new StoreBench(await openAt(directory))
    await b.addServers(2)
    const upload = b.nextId()
    await b.commit(b.command({ kind: 'stage', upload, start: 0, chunk: b.chunk(await b.volume(), 10) }))
    await b.register(0, 2)
    const now = { server: b.servers[0]!.server, incarnation: 2 }
    const renamed = { ...now, number: upload.number }
    expect(await b.commitAs(now, [b.write('/a', null, { upload: renamed, size: 10 })])).toMatchObject([
      { code: 'INVALID_REQUEST' },
    ])
    await restarted(b, directory)
    expect(await b.commitAs(now, [b.write('/a', null, { upload: renamed, size: 10 })])).toMatchObject([
      { code: 'INVALID_REQUEST' },
    ])
    await b.store.close()
  })

  it('goes on counting a deleted tree', async () => {
    const directory = temporaryDirectory()
    const b = new StoreBench(await openAt(directory))
    await b.addServers(1)
    for (const at of ['/t/a', '/t/b/c']) await b.touch(at)
    await b.deleteDirectory('/t', true)
    await restarted(b, directory)
    expect(await b.store.totals()).toMatchObject({ files: 2, directories: 1 })
    while (await b.store.countDeleted());
    expect(await b.store.totals()).toMatchObject({ files: 0, directories: 0 })
    await b.store.close()
  })
})
