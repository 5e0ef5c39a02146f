/** From records that nobody knows to contents that can be given a name. */
import { type FoundRecord } from '@dfs/protocol'
import { combineCrc32 } from '@dfs/volume'
import { describe, expect, it } from 'vitest'
import {
  contentsOf,
  endsOf,
  type Finding,
  FoundRecords,
  type LostWrite,
  lostWrites,
} from '../../src/recover/lost-writes.ts'

const record = (change: Partial<FoundRecord> = {}): FoundRecord => ({
  volume: 7,
  offset: 0,
  path: '/f',
  start: 0,
  length: 10,
  size: 110,
  crc32: 5,
  server: 1,
  incarnation: 4,
  number: 8,
  ...change,
})

const finding = (of: readonly (readonly [number, FoundRecord])[], change: Partial<Finding> = {}): Finding => {
  const found = new FoundRecords()
  for (const [server, each] of of) found.add(server, each)
  const zonesOf = (servers: readonly number[]): number => servers.length
  // Volumes from 100 on have long writes.
  const isLong = (volume: number): boolean => volume >= 100
  return { found, sealedAt: new Map(), known: new Set(), uploads: [], isLong, zonesOf, ...change }
}

const writesIn = (
  of: readonly (readonly [number, FoundRecord])[],
  change: Partial<Finding> = {},
): LostWrite[] => lostWrites(finding(of, change))

describe('short writes', () => {
  it('are one record each, with the copies of it', () => {
    const writes = writesIn([
      [1, record()],
      [2, record()],
      [3, record({ path: '/other', number: 9, offset: 300 })],
    ])
    expect(writes).toMatchObject([
      { path: '/f', isLong: false, chunks: [{ start: 0, copies: 2, zones: 2 }] },
      { path: '/other', number: 9, chunks: [{ copies: 1 }] },
    ])
    expect(contentsOf(writes[0]!)).toMatchObject([{ size: 10, crc32: 5, gap: null, copies: 2 }])
  })

  it('are none where the metadata knows the request', () => {
    expect(writesIn([[1, record()]], { known: new Set(['1.4.8']) })).toEqual([])
  })

  it('are none behind the seal that a volume got meanwhile: nothing there was ever acknowledged', () => {
    const behind = record({ offset: 110, number: 9 })
    const found = finding(
      [
        [1, record()],
        [1, behind],
      ],
      { sealedAt: new Map([[7, 110]]) },
    )
    expect(lostWrites(found)).toMatchObject([{ number: 8 }])
    expect(endsOf(found)).toEqual(new Map([[7, 110]]))
  })

  it('take of two records of one request that with more copies, and of two at one place that of most servers', () => {
    const again = record({ volume: 9 })
    const bad = record({ crc32: 1, number: 99 })
    const writes = writesIn([
      [1, bad],
      [2, record()],
      [3, record()],
      [1, again],
      [2, again],
      [3, again],
    ])
    expect(writes).toMatchObject([{ number: 8, chunks: [{ volume: 9, copies: 3 }] }])
  })

  it('cannot be made of records of a program that does not say how to refer to them: they are counted', () => {
    const { size: _size, crc32: _crc32, ...old } = record()
    const { found } = finding([[1, old]])
    expect([...found.all()]).toEqual([])
    expect(found.leftOut).toBe(1)
  })
})

describe('long writes', () => {
  /** The chunk at `start`, of ten bytes, stored by request `number` in a volume of long writes. */
  const chunk = (
    start: number,
    number: number,
    change: Partial<FoundRecord> = {},
  ): readonly [number, FoundRecord] => [
    1,
    record({ volume: 100, offset: 1000 * number, start, number, path: '/long', ...change }),
  ]
  const startsOf = (writes: readonly LostWrite[]): number[][] =>
    writes.map(({ chunks }) => chunks.map(({ start }) => start))

  it('are joined from chunks that go on with each other, each of a request of its own', () => {
    const writes = writesIn([chunk(20, 9), chunk(0, 5), chunk(10, 7), chunk(0, 6, { path: '/b' })])
    expect(startsOf(writes)).toEqual([[0, 10, 20], [0]])
    expect(writes).toMatchObject([
      { path: '/long', number: 5, isLong: true },
      { path: '/b', number: 6 },
    ])
    expect(contentsOf(writes[0]!)).toMatchObject([
      { size: 30, gap: 'no record says whether more follows byte 29' },
    ])
  })

  it('go on in another volume when theirs ends, with chunks that were stored again', () => {
    const on = { volume: 101 }
    const writes = writesIn([
      chunk(0, 1),
      chunk(10, 2),
      chunk(20, 3),
      chunk(20, 5, on),
      chunk(10, 6, on),
      chunk(30, 7, on),
    ])
    expect(startsOf(writes)).toEqual([[0, 10, 20, 30]])
    expect(writes[0]!.chunks.map(({ volume }) => volume)).toEqual([100, 101, 101, 101])
  })

  it('find what follows whatever was stored again first', () => {
    const on = { volume: 101 }
    expect(startsOf(writesIn([chunk(0, 1), chunk(20, 4, on), chunk(10, 5, on)]))).toEqual([[0, 10, 20]])
  })

  it('of one path are told apart by their volumes', () => {
    const other = { volume: 102 }
    const writes = writesIn([chunk(0, 1), chunk(0, 2, other), chunk(10, 3), chunk(10, 4, other)])
    expect(startsOf(writes)).toEqual([
      [0, 10],
      [0, 10],
    ])
    expect(writes.map(({ chunks }) => chunks.map(({ volume }) => volume))).toEqual([
      [100, 100],
      [102, 102],
    ])
  })

  it('are never mixed: a chunk that fits two is a piece of its own', () => {
    expect(startsOf(writesIn([chunk(0, 1), chunk(0, 2), chunk(10, 3)]))).toEqual([[0], [0], [10]])
  })

  it('of two servers are two', () => {
    expect(startsOf(writesIn([chunk(0, 1), chunk(10, 2, { server: 2 })]))).toEqual([[0], [10]])
  })

  it('go on from what was under way, and keep what a row names', () => {
    const staged = [
      { start: 0, volume: 100, offset: 50, length: 10, crc32: 5, copies: 3 },
      { start: 10, volume: 100, offset: 160, length: 10, crc32: 5, copies: 3 },
    ]
    const upload = { server: 1, incarnation: 4, number: 8, content: 77, chunks: staged, path: '/long' }
    const [write, ...more] = writesIn([chunk(20, 20), chunk(10, 19, { volume: 101 })], { uploads: [upload] })
    expect(more).toEqual([])
    expect(write).toMatchObject({
      content: 77,
      number: 8,
      chunks: [{ isStaged: true }, { isStaged: true, offset: 160 }, { isStaged: false, offset: 20_000 }],
    })
    expect(contentsOf(write!)).toMatchObject([{ size: 30, copies: 1 }])
  })

  it('that were under way are there also if nothing more is found, and the path is not known', () => {
    const staged = { start: 0, volume: 100, offset: 50, length: 20, crc32: 5, copies: 3 }
    const upload = { server: 1, incarnation: 4, number: 8, content: 77, chunks: [staged], path: null }
    expect(writesIn([], { uploads: [upload] })).toMatchObject([{ path: null, content: 77 }])
  })

  it('have a content for each run without a gap, which names the bytes that are missing around it', () => {
    const write: LostWrite = {
      ...writesIn([chunk(0, 1)])[0]!,
      chunks: writesIn([chunk(10, 1), chunk(20, 2), chunk(50, 3)]).flatMap(({ chunks }) => chunks),
    }
    expect(contentsOf(write)).toMatchObject([
      { from: 10, size: 20, gap: 'bytes 0 to 9 were not found, bytes 30 to 49 were not found' },
      {
        from: 50,
        size: 10,
        gap: 'bytes 30 to 49 were not found, no record says whether more follows byte 59',
      },
    ])
  })

  it('have the sum of all their bytes', () => {
    const [write] = writesIn([
      chunk(0, 1, { crc32: 1 }),
      chunk(10, 2, { crc32: 11 }),
      chunk(20, 3, { crc32: 21 }),
    ])
    const sum = combineCrc32(combineCrc32(1, 11, 10), 21, 10)
    expect(contentsOf(write!)).toMatchObject([{ from: 0, size: 30, crc32: sum }])
  })
})
