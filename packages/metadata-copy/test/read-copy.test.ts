import { concatBytes, utf8 } from '@dfs/core'
import { expect, test } from 'vitest'
import {
  chooseNewest,
  type CopyEnd,
  type CopyPart,
  encodeChanges,
  encodeSnapshotPiece,
  findTwoHistories,
  rankCopies,
  readCopy,
} from '../src/index.ts'
import { at, changes, CLUSTER, codec, FILE, origin, snapshotEnd, snapshotPiece, wholeCopy } from './frames.ts'

async function read(pieces: readonly Uint8Array[], clusterId: string | null = CLUSTER) {
  const parts: CopyPart[] = []
  for await (const part of readCopy(pieces, { ...codec, clusterId })) parts.push(part)
  const end = parts.pop() as CopyEnd
  expect(end.kind).toBe('end')
  expect(parts.filter(({ kind }) => kind === 'end')).toEqual([])
  return { parts, end }
}

const FOURTEENTH = at(14, 4, 'fedcba9876543210')

test('a whole copy gives the file, its end, and every change set with its position', async () => {
  const pieces = await wholeCopy()
  const { parts, end } = await read(pieces)
  expect(parts).toEqual([
    { ...origin, kind: 'snapshot', position: at(10), offset: 0, fileBytes: 300, bytes: FILE.slice(0, 200) },
    { ...origin, kind: 'snapshot', position: at(10), offset: 200, fileBytes: 300, bytes: FILE.slice(200) },
    { ...origin, kind: 'snapshotEnd', position: at(10), fileBytes: 300 },
    { ...origin, kind: 'changes', from: at(10), to: at(12), changeSets: [utf8('eleven'), utf8('twelve')] },
    { ...origin, kind: 'changes', from: at(12), to: at(13), changeSets: [utf8('thirteen')] },
    { ...origin, kind: 'changes', from: at(13), to: FOURTEENTH, changeSets: [utf8('fourteen')] },
  ])
  expect(end).toMatchObject({ reason: 'whole', position: FOURTEENTH })
  const inOne = await read([concatBytes(pieces)], null)
  expect(inOne.parts).toEqual(parts)
})

test('a copy counts up to where it is damaged', async () => {
  const bytes = concatBytes(await wholeCopy())
  const fifthAt = bytes.byteLength - 2 * 128 - 12 - 12
  const cases = [
    { place: 3, position: null, count: 0 },
    { place: 300, position: null, count: 0 },
    { place: fifthAt + 7, position: at(12), count: 4 },
    { place: fifthAt + 130, position: at(12), count: 4 },
  ]
  for (const { place, position, count } of cases) {
    bytes[place]! ^= 1
    const { parts, end } = await read([bytes])
    expect(end, `byte ${place}`).toMatchObject({ reason: 'damaged', position })
    expect(parts).toHaveLength(count)
    bytes[place]! ^= 1
  }
  const torn = await read([bytes.subarray(0, -1)])
  expect(torn.end).toMatchObject({ reason: 'torn', position: at(13) })
})

test('nothing is replayed over a gap', async () => {
  const [first, second, end, ...sets] = await wholeCopy()
  const [ten, twelve, thirteen] = sets
  const whole = [first!, second!, end!]
  const gaps = [
    { pieces: [...whole, ten!, thirteen!], count: 4, position: at(12) },
    { pieces: [...whole, twelve!], count: 3, position: at(10) },
    // From the right transaction, of another start.
    { pieces: [...whole, await changes(at(10, 2), at(12), 'eleven')], count: 3, position: at(10) },
    {
      pieces: [...whole, await changes(at(10, 3, 'fedcba9876543210'), at(12, 4), 'x')],
      count: 3,
      position: at(10),
    },
    // Twice the same.
    { pieces: [...whole, ten!, ten!], count: 4, position: at(12) },
    { pieces: [first!, end!], count: 1, position: null },
    { pieces: [second!, end!], count: 0, position: null },
    { pieces: [first!, second!, ten!], count: 2, position: null },
    { pieces: [first!, await snapshotPiece(200, 300, at(11))], count: 1, position: null },
    { pieces: [first!, second!, await snapshotEnd(at(11))], count: 2, position: null },
    { pieces: sets, count: 0, position: null },
    // A snapshot behind the change sets is another copy.
    { pieces: [...whole, ten!, await snapshotPiece(0, 300, at(12))], count: 4, position: at(12) },
  ]
  for (const [index, { pieces, count, position }] of gaps.entries()) {
    const { parts, end: last } = await read(pieces)
    expect(last, `case ${index}`).toMatchObject({ reason: 'gap', position })
    expect(parts, `case ${index}`).toHaveLength(count)
  }
})

test('change sets never cross a step of the schema', async () => {
  const whole = (await wholeCopy()).slice(0, 3)
  const stepped = await encodeChanges(
    { clusterId: CLUSTER, schema: 12, from: at(10), to: at(11), changeSets: [utf8('x')] },
    codec,
  )
  const { end } = await read([...whole, stepped])
  expect(end).toMatchObject({ reason: 'gap', position: at(10) })
  expect(end.detail).toContain('schema 12')
})

test('a copy of another cluster is none, and neither is one of two', async () => {
  const whole = await wholeCopy()
  const other = 'ff'.repeat(16)
  expect((await read(whole, other)).end).toMatchObject({ reason: 'foreign', position: null })
  const foreign = await encodeChanges(
    { clusterId: other, schema: 11, from: at(10), to: at(11), changeSets: [utf8('x')] },
    codec,
  )
  const mixed = await read([...whole.slice(0, 3), foreign], null)
  expect(mixed.end).toMatchObject({ reason: 'foreign', position: at(10) })
})

test('what the checksum calls right is damaged all the same if it cannot be unpacked', async () => {
  const short = { ...codec, compression: { ...codec.compression, compress: async () => new Uint8Array(1) } }
  const piece = { ...origin, position: at(10), offset: 0, fileBytes: 300, raw: FILE }
  const { parts, end } = await read([await encodeSnapshotPiece(piece, short)])
  expect(parts).toEqual([])
  expect(end).toMatchObject({ reason: 'damaged', position: null })
  expect(end.detail).toContain('1 bytes, not 300')
})

test('the newest copy is the one with the latest last piece, not the longest', () => {
  const copies = [
    { name: 'long', position: at(90, 2), bytes: 9_000_000 },
    { name: 'nowhere', position: null, bytes: 1 },
    { name: 'later', position: at(80, 3), bytes: 10 },
    { name: 'latest', position: at(81, 3), bytes: 20 },
    { name: 'as late', position: at(81, 3), bytes: 2_000 },
  ]
  expect(chooseNewest(copies)).toBe(copies[3])
  expect(rankCopies(copies).map(({ name }) => name)).toEqual(['latest', 'as late', 'later', 'long'])
  expect(chooseNewest([{ position: null }])).toBeNull()
  expect(findTwoHistories(copies)).toBeNull()
  const other = { name: 'other', position: at(79, 3, 'fedcba9876543210'), bytes: 1 }
  expect(findTwoHistories([...copies, other])).toEqual([copies[2], other])
})
