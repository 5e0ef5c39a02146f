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
  return { found, sealedAt: new Map(), known: new Set(), uploads: [], zonesOf, ...change }
}

const writesIn = (
  of: readonly (readonly [number, FoundRecord])[],
  change: Partial<Finding> = {},
): LostWrite[] => lostWrites(finding(of, change))

describe('writes', () => {
  it('are joined from their records and the copies of each', () => {
    const second = record({ offset: 110, start: 10, length: 4, size: 104, crc32: 6 })
    const [write, ...more] = writesIn([
      [1, record()],
      [2, record()],
      [1, second],
      [3, record({ path: '/other', number: 9, offset: 300 })],
    ])
    expect(write).toMatchObject({
      path: '/f',
      chunks: [
        { start: 0, copies: 2, zones: 2 },
        { start: 10, copies: 1 },
      ],
    })
    expect(more).toMatchObject([{ path: '/other', number: 9 }])
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

  it('take of one chunk at two places the one with more copies', () => {
    const again = record({ volume: 9 })
    expect(
      writesIn([
        [1, record()],
        [1, again],
        [2, again],
      ])[0]!.chunks,
    ).toMatchObject([{ volume: 9, copies: 2 }])
  })

  it('take of two records at one place the one that most servers have', () => {
    const bad = record({ crc32: 1, number: 99 })
    expect(
      writesIn([
        [1, bad],
        [2, record()],
        [3, record()],
      ]),
    ).toMatchObject([{ number: 8 }])
  })

  it('go on from what was staged of a long one, and keep what a row names', () => {
    const staged = [
      { start: 0, volume: 3, offset: 50, length: 10, crc32: 5, copies: 3 },
      { start: 10, volume: 3, offset: 160, length: 10, crc32: 5, copies: 3 },
    ]
    const upload = { server: 1, incarnation: 4, number: 8, content: 77, chunks: staged, path: '/long' }
    const [write] = writesIn(
      [
        [1, record({ start: 20, offset: 400, path: '/long' })],
        [1, record({ start: 10, offset: 900, path: '/long' })],
      ],
      { uploads: [upload] },
    )
    expect(write).toMatchObject({
      content: 77,
      path: '/long',
      chunks: [{ isStaged: true }, { isStaged: true, offset: 160 }, { isStaged: false, offset: 400 }],
    })
    expect(contentsOf(write!)).toMatchObject([{ size: 30, gap: null, copies: 1 }])
  })

  it('have the path that a later record says if the first cannot be read', () => {
    const chunk = { start: 0, volume: 3, offset: 50, length: 20, crc32: 5, copies: 3 }
    const upload = { server: 1, incarnation: 4, number: 8, content: 77, chunks: [chunk], path: null }
    const later = record({ start: 20, offset: 400, path: '/long' })
    expect(writesIn([[1, later]], { uploads: [upload] })).toMatchObject([{ path: '/long' }])
    expect(writesIn([], { uploads: [upload] })).toMatchObject([{ path: null }])
  })

  it('cannot be made of records of a program that does not say how to refer to them: they are counted', () => {
    const { size: _size, crc32: _crc32, ...old } = record()
    const { found } = finding([[1, old]])
    expect([...found.all()]).toEqual([])
    expect(found.leftOut).toBe(1)
  })
})

describe('contents', () => {
  const write = (...starts: readonly number[]): LostWrite => {
    const [only] = writesIn(
      starts.map((start) => [1, record({ start, offset: 200 * start, crc32: start + 1 })] as const),
    )
    return only!
  }

  it('have the sum of all their bytes', () => {
    const [content] = contentsOf(write(0, 10, 20))
    const sum = combineCrc32(combineCrc32(1, 11, 10), 21, 10)
    expect(content).toMatchObject({ from: 0, size: 30, crc32: sum, gap: null })
  })

  it('are one for each run without a gap, and each names the bytes that are missing around it', () => {
    expect(contentsOf(write(10, 20, 50))).toMatchObject([
      { from: 10, size: 20, gap: 'bytes 0 to 9 were not found, bytes 30 to 49 were not found' },
      { from: 50, size: 10, gap: 'bytes 30 to 49 were not found' },
    ])
  })
})
