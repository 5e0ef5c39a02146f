/**
 * Servers with many copies: what they register with comes in pages or at once, and is taken in in bounded parts, between which
 * others have their turn.
 */
import { seededRandom } from '@dfs/core/testing'
import { MESSAGES, type ReplicaReport, reportCopies, REPORTS_PER_PAGE_MAX } from '@dfs/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { openMemoryStore } from '../src/metadata/sqlite/open-store.ts'
import { REPORTS_PER_TRANSACTION_MAX } from '../src/metadata/cluster-store.ts'
import { type MetadataStore } from '../src/metadata/store.ts'
import { MasterBench } from './fixture/master-bench.ts'

const benches: MasterBench[] = []

/** A master whose store says what it is asked. */
async function start(): Promise<{ b: MasterBench; asked: string[]; parts: number[] }> {
  const [asked, parts]: [string[], number[]] = [[], []]
  const store = openMemoryStore(seededRandom(1))
  const observed: Partial<MetadataStore> = {
    registerServer: (...args) => {
      asked.push('register')
      return store.registerServer(...args)
    },
    noteReports: (...args) => {
      asked.push('part')
      parts.push(args[1].length)
      return store.noteReports(...args)
    },
    finishRegistration: (...args) => {
      asked.push('finish')
      return store.finishRegistration(...args)
    },
    lookupBatch: (...args) => {
      asked.push('look-up')
      return store.lookupBatch(...args)
    },
  }
  const proxy = new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(observed, name) ?? Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  const b = await MasterBench.start(proxy)
  benches.push(b)
  return { b, asked, parts }
}

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.master.stop()
})

/** Of copies that nobody knows. */
const reports = (count: number): ReplicaReport[] =>
  Array.from({ length: count }, (_, index) => ({
    volume: 100_000 + index,
    replica: 200_000 + index,
    state: 'sealed',
    lengthBytes: 1,
    verifiedToBytes: 1,
  }))

const DISK = '0'.repeat(32)
const page = (from: number, count: number, number = 50) => {
  return { diskUid: DISK, incarnation: 1, number, from, replicas: reports(count) }
}

const lookUp = (b: MasterBench): Promise<unknown> =>
  b.master.namespace.lookup(
    { by: 'path', path: '/' as never, version: null, fromByte: 0, chunksMax: 0 },
    { requestId: 'x', deadlineMs: Infinity },
  )

const unknownCount = (b: MasterBench): unknown =>
  b.world.log.lines.find(({ message }) => message.startsWith('unknown copies'))?.fields['count']

describe('a registration', () => {
  it('is of all its pages and what comes with it', async () => {
    const { b } = await start()
    expect(await b.call(reportCopies, page(0, 30))).toEqual({ staged: 30 })
    expect(await b.call(reportCopies, page(30, 20))).toEqual({ staged: 50 })
    await b.register(0, { number: 50, staged: 50, replicas: reports(5) })
    expect(unknownCount(b)).toBe(55)
  })

  it('starts over where a page is missing, and nothing of it has happened', async () => {
    const { b, asked } = await start()
    await b.call(reportCopies, page(0, 30))
    const code = { code: 'UNAVAILABLE' }
    await expect(b.register(0, { number: 50, staged: 31 })).rejects.toMatchObject(code)
    await expect(b.register(0, { number: 51, staged: 30 })).rejects.toMatchObject(code)
    expect(asked).toEqual([])
    expect(await b.call(reportCopies, page(0, 1, 52))).toEqual({ staged: 1 })
    await b.register(0, { number: 52, staged: 1 })
  })

  it('of a program that knows no pages has all at once', async () => {
    const { b } = await start()
    await b.register(0, { replicas: reports(3 * REPORTS_PER_PAGE_MAX), featureLevel: MESSAGES.dropOrder - 1 })
    expect(unknownCount(b)).toBe(3 * REPORTS_PER_PAGE_MAX)
  })

  it('is taken in in bounded parts, and between two of them others are answered', async () => {
    const { b, asked, parts } = await start()
    const count = 3 * REPORTS_PER_TRANSACTION_MAX + 1
    const registering = b.register(0, { replicas: reports(count) })
    let isDone = false
    const others = (async () => {
      while (!isDone) {
        await lookUp(b)
        await b.world.clock.turn()
      }
    })()
    await registering
    isDone = true
    await others
    expect(parts).toEqual([...Array<number>(3).fill(REPORTS_PER_TRANSACTION_MAX), 1])
    const between = asked.slice(asked.indexOf('part'), asked.lastIndexOf('part'))
    expect(between.filter((what) => what === 'part')).toHaveLength(3)
    expect(between).toContain('look-up')
  })

  it('that is tried again ends the one before, which must not come behind it', async () => {
    const { b, asked } = await start()
    const first = b.register(0, { number: 1, replicas: reports(2 * REPORTS_PER_TRANSACTION_MAX) })
    const second = b.register(0, { number: 2, replicas: reports(10) })
    await expect(first).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await second
    expect(asked.filter((what) => what === 'finish')).toHaveLength(1)
    const late = b.register(0, { number: 1, replicas: reports(700) })
    await late
    expect(
      asked.filter((what) => what === 'finish'),
      'it comes too late to count',
    ).toHaveLength(1)
  })

  it('that comes late, while a later one is under way, is refused', async () => {
    const { b } = await start()
    const later = b.register(0, { number: 2, replicas: reports(2 * REPORTS_PER_TRANSACTION_MAX) })
    await expect(b.register(0, { number: 1 })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await later
  })
})

describe('what a heartbeat says', () => {
  it('is taken in in parts as well, unless the server has said more meanwhile', async () => {
    const { b, parts } = await start()
    const [server] = await b.registerAll(1)
    parts.length = 0
    const replicas = reports(REPORTS_PER_TRANSACTION_MAX + 1)
    const first = b.heartbeat(server!, { replicas })
    const second = b.heartbeat(server!, { replicas: reports(2) })
    await expect(first).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await second
    expect(parts.toSorted((x, y) => x - y)).toEqual([2, REPORTS_PER_TRANSACTION_MAX])
    await b.heartbeat(server!, { replicas })
    expect(parts.slice(2)).toEqual([REPORTS_PER_TRANSACTION_MAX, 1])
  })
})
