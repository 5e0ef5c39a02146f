/**
 * A store after a new history was begun on its database: what was seen of earlier starts is given up, what is seen of the
 * new one counts, and a server that was left out is taken in again without what it says it has verified.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { HISTORY_STARTS, HISTORY_TRANSACTIONS } from '@dfs/protocol'
import { afterEach, expect, it } from 'vitest'
import { openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { NOW, StoreBench } from '../fixture/store-bench.ts'

afterEach(removeTemporaryDirectories)

/** As `dfs recover` leaves the database. */
function beginHistory(
  directory: string,
  givenUp: readonly number[],
): { counter: number; nonce: string; sequence: number } {
  const database = new DatabaseSync(join(directory, 'metadata.db'))
  const { epoch, sequence } = database.prepare('SELECT epoch, sequence FROM state').get() as Record<
    string,
    number
  >
  const begun = {
    counter: epoch! + HISTORY_STARTS,
    nonce: '0123456789abcdef',
    sequence: sequence! + HISTORY_TRANSACTIONS,
  }
  const { counter, nonce } = begun
  database.prepare('UPDATE state SET epoch = ?, nonce = ?, sequence = ?').run(counter, nonce, begun.sequence)
  database
    .prepare('INSERT INTO starts (counter, nonce, sequence) VALUES (?, ?, ?)')
    .run(counter, nonce, begun.sequence)
  database
    .prepare('INSERT INTO histories (counter, nonce, sequence, begun_wall_ms) VALUES (?, ?, ?, 0)')
    .run(counter, nonce, begun.sequence)
  for (const server of givenUp)
    database.prepare('INSERT INTO given_up_servers (server) VALUES (?)').run(server)
  database.close()
  return begun
}

it('gives up what was seen of starts before it, and nothing of those since', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.addServers(1)
  await b.touch('/before')
  const own = b.store.epoch()
  await b.store.close()
  const begun = beginHistory(directory, [])
  b.store = await openAt(directory, 2)
  expect(b.store.epoch().counter).toBe(begun.counter + 1)
  // More than this database ever had, and of another start: the old master went on.
  const gone = { ...own, sequence: own.sequence + 1000 }
  expect(await b.store.includes(gone)).toBe(true)
  expect(await b.store.includes({ ...gone, nonce: 'f'.repeat(16) })).toBe(true)
  expect(await b.store.includes(begun)).toBe(true)
  expect(await b.store.includes({ ...begun, nonce: 'f'.repeat(16) }), 'another history').toBe(false)
  expect(await b.store.includes({ ...b.store.epoch(), nonce: 'f'.repeat(16) })).toBe(false)
  await b.store.close()
})

it('takes in a server that was given up once, and counts nothing as verified that it says then', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.addServers(3)
  const order = await b.volume(0, 1, 2)
  expect(await b.outcome(b.write('/f', b.chunk(order, 10)))).toBe('ok')
  const [length] = await b.store.sealVolumes([order.volume], 'test', NOW)
  const left = b.servers[0]!
  await b.store.close()
  beginHistory(directory, [left.server])
  b.store = await openAt(directory, 2)
  const { replica } = order.replicas.find(({ server }) => server === left.server)!
  const report = {
    volume: order.volume,
    replica,
    state: 'sealed' as const,
    lengthBytes: length!,
    verifiedToBytes: length!,
  }
  const rankOf = async (): Promise<number> => {
    const { locations } = await b.file('/f')
    return locations.get(order.volume)!.indexOf(left.server)
  }
  const inSync = await reportAll(b, order.volume, order.replicas.slice(1), length!)
  expect(inSync).toBe(2)
  await b.register(0, left.incarnation, { reports: [report] })
  expect(await rankOf(), 'behind those that are in-sync').toBe(2)
  await b.store.noteReports(left, [report], NOW)
  expect(await rankOf(), 'verified again, and the first of its set').toBe(0)
  await b.register(0, left.incarnation, { reports: [report] })
  expect(await rankOf(), 'given up no longer').toBe(0)
  await b.store.close()
})

async function reportAll(
  b: StoreBench,
  volume: number,
  replicas: readonly { readonly replica: number; readonly server: number; readonly incarnation: number }[],
  length: number,
): Promise<number> {
  for (const { replica, server, incarnation } of replicas) {
    const report = { volume, replica, state: 'sealed' as const, lengthBytes: length, verifiedToBytes: length }
    await b.store.noteReports({ server, incarnation }, [report], NOW)
  }
  return replicas.length
}

it('deletes no volume from before it, which may hold what was given up, and goes on with those that were being deleted', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.addServers(2)
  const [goes, stays] = [await b.volume(), await b.volume(), await b.volume()]
  await b.store.sealVolumes([goes.volume], 'test', NOW)
  expect(await b.store.deleteEmptyVolumes(10, 0)).toMatchObject({ deleted: [goes.volume] })
  await b.store.sealVolumes([stays.volume], 'test', NOW)
  await b.store.close()
  beginHistory(directory, [])
  b.store = await openAt(directory, 2)
  expect(await b.store.deleteEmptyVolumes(10, 0)).toMatchObject({ deleted: [] })
  const drops = (await b.orders(0)).filter(({ kind }) => kind === 'drop')
  expect(drops.map(({ volume }) => volume)).toEqual([goes.volume])
  const younger = await b.volume()
  await b.volume()
  await b.store.sealVolumes([younger.volume], 'test', NOW)
  expect(await b.store.deleteEmptyVolumes(10, 0)).toMatchObject({ deleted: [younger.volume] })
  await b.store.close()
})

it.each([-5, 50])(
  'orders the seal again from a copy that a history that was given up sealed %i bytes away',
  async (away) => {
    const b = new StoreBench(await openAt(temporaryDirectory()))
    await b.addServers(3)
    const order = await b.volume(0, 1, 2)
    expect(await b.outcome(b.write('/f', b.chunk(order, 10)))).toBe('ok')
    const [length] = await b.store.sealVolumes([order.volume], 'test', NOW)
    const { server, incarnation, replica } = order.replicas[1]!
    const reportSealedAt = (sealedLengthBytes: number, verifiedToBytes: number): Promise<unknown> =>
      b.store.noteReports(
        { server, incarnation },
        [
          {
            volume: order.volume,
            replica,
            state: 'sealed',
            lengthBytes: length! + 50,
            sealedLengthBytes,
            verifiedToBytes,
          },
        ],
        NOW,
      )
    const seal = { kind: 'seal', volume: order.volume, sealedLengthBytes: length }
    for (const verifiedTo of [0, Math.min(length!, length! + away)]) {
      await reportSealedAt(length! + away, verifiedTo)
      expect(await b.store.orders(server, 1000, true)).toMatchObject([seal])
    }
    await reportSealedAt(length!, 0)
    expect(await b.store.orders(server, 1000, true)).toEqual([])
    await b.store.close()
  },
)

it('orders the seal again from a copy of an older program that has verified further', async () => {
  const b = new StoreBench(await openAt(temporaryDirectory()))
  await b.addServers(3)
  const order = await b.volume(0, 1, 2)
  expect(await b.outcome(b.write('/f', b.chunk(order, 10)))).toBe('ok')
  const [length] = await b.store.sealVolumes([order.volume], 'test', NOW)
  const { server, incarnation, replica } = order.replicas[1]!
  const reportTo = (verifiedToBytes: number): Promise<unknown> =>
    b.store.noteReports(
      { server, incarnation },
      [{ volume: order.volume, replica, state: 'sealed', lengthBytes: length! + 50, verifiedToBytes }],
      NOW,
    )
  await reportTo(length! + 50)
  expect(await b.store.orders(server, 1000, true)).toMatchObject([
    { kind: 'seal', volume: order.volume, sealedLengthBytes: length },
  ])
  await reportTo(length!)
  expect(await b.store.orders(server, 1000, true)).toEqual([])
  await b.store.close()
})

it('takes up whole copies that the history which was given up has made, and leaves others as they are', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.addServers(3)
  const order = await b.volume(0, 1)
  await b.commit(b.write('/f', b.chunk(order, 10)))
  const [sealedLengthBytes] = await b.store.sealVolumes([order.volume], 'test', NOW)
  // Later the copies went elsewhere, which this metadata does not know.
  const made = { volume: order.volume, replica: order.volume + 1000, state: 'sealed' } as const
  const lengths = { lengthBytes: sealedLengthBytes!, sealedLengthBytes: sealedLengthBytes! }
  const whole = { ...made, ...lengths, verifiedToBytes: sealedLengthBytes! }
  const before = await b.store.noteReports(b.servers[2]!, [whole], NOW)
  expect(before.unknown, 'in one history nobody else makes copies').toEqual([whole])
  await b.store.close()
  beginHistory(directory, [])
  b.store = await openAt(directory, 2)
  for (const index of [0, 1]) await b.register(index, 2)
  expect((await b.file('/f')).locations.get(order.volume)).toEqual([])

  const holder = b.servers[2]!
  const part = { ...whole, verifiedToBytes: 1 }
  const elsewhere = { ...whole, sealedLengthBytes: 1, lengthBytes: 1, verifiedToBytes: 1 }
  const strange = { ...whole, replica: order.replicas[0]!.replica }
  const outcome = await b.store.noteReports(holder, [part, elsewhere, strange], NOW)
  expect(outcome.unknown).toEqual([part, elsewhere, strange])
  expect((await b.store.noteReports(holder, [whole], NOW)).unknown).toEqual([])
  expect((await b.store.copiesOf(order.volume)).copies[0]).toEqual({
    server: holder.server,
    replica: whole.replica,
    state: 'inSync',
  })
  expect((await b.file('/f')).locations.get(order.volume)).toEqual([holder.server])
  await b.store.close()
  b.store = await openAt(directory, 3)
  expect((await b.file('/f')).locations.get(order.volume)).toEqual([holder.server])
  await b.store.close()
})

it('says who was left out, until that has said what it has', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.addServers(2)
  await b.store.close()
  beginHistory(directory, [b.servers[1]!.server])
  b.store = await openAt(directory, 2)
  const givenUp = async (): Promise<boolean[]> => (await b.store.servers()).map(({ isGivenUp }) => isGivenUp)
  expect(await givenUp()).toEqual([false, true])
  await b.beginToRegister(1, 2)
  expect(await givenUp()).toEqual([false, true])
  await b.register(1, 2)
  expect(await givenUp()).toEqual([false, false])
  await b.store.close()
})
