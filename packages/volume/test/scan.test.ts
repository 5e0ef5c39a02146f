import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { frameRecord, type ScanOptions, sumContent, surveyVolume, type Witness } from '../src/index.ts'

const salt = new Uint8Array(8).fill(9)

function makeLog(
  sizes: number[],
  witnesses: readonly (Witness | null)[] = [],
): { bytes: Uint8Array; starts: number[] } {
  const pieces: Uint8Array[] = []
  const starts: number[] = []
  let offset = 0
  for (const [index, size] of sizes.entries()) {
    const content = new Uint8Array(size).fill(index + 1)
    const identity = {
      volume: 5,
      offset,
      server: 1,
      incarnation: 1,
      requestNumber: index,
      start: 0,
      committedEnd: 0,
      witness: witnesses[index] ?? null,
      path: `/f${index}`,
    }
    const framed = frameRecord(identity, sumContent([content], crc32), { salt, crc32 })
    pieces.push(...framed.pieces)
    starts.push(offset)
    offset += framed.size
  }
  return { bytes: new Uint8Array(Buffer.concat(pieces)), starts }
}

const survey = (bytes: Uint8Array, promised = 0) => {
  const options: ScanOptions = { volume: 5, salt, crc32, from: 0, to: bytes.length }
  const read = async (at: number, buffer: Uint8Array) => {
    const part = bytes.subarray(at, at + buffer.length)
    buffer.set(part)
    return part.length
  }
  return surveyVolume(read, options, promised)
}

test('a log cut at every byte of its last record keeps all records before it', async () => {
  const { bytes, starts } = makeLog([10, 70_000, 0, 300])
  const last = starts.at(-1)!
  for (let size = last; size < bytes.length; size += 1) {
    const found = await survey(bytes.slice(0, size))
    expect(found).toMatchObject({ validTo: last, recordCount: 3, damaged: [] })
    expect(found.tailAt).toBe(size === last ? null : last)
  }
  expect(await survey(bytes)).toMatchObject({ validTo: bytes.length, recordCount: 4, tailAt: null })
})

test('damage in the middle is not a tail: what follows it counts', async () => {
  const { bytes, starts } = makeLog([10, 500, 20, 30])
  bytes[starts[1]! + 200]! ^= 4
  const found = await survey(bytes)
  expect(found.damaged).toEqual([{ at: starts[1], end: starts[2] }])
  expect(found).toMatchObject({ recordCount: 3, tailAt: null, lastEnd: bytes.length, validTo: starts[1] })
})

test('below a promised length an unreadable end is damage', async () => {
  const { bytes, starts } = makeLog([10, 500])
  bytes[starts[1]! + 90]! ^= 1
  expect(await survey(bytes, bytes.length)).toMatchObject({
    damaged: [{ at: starts[1], end: bytes.length }],
    tailAt: null,
  })
  expect(await survey(bytes, starts[1])).toMatchObject({ damaged: [], tailAt: starts[1] })
})

test('the newest witness of all valid records counts, wherever it stands', async () => {
  const at = (counter: number, sequence: number): Witness => ({
    counter,
    nonce: 'ab'.repeat(8),
    sequence,
  })
  const witnesses = [at(3, 70), at(4, 60), null, at(4, 59)]
  const { bytes, starts } = makeLog([10, 20, 30, 40], witnesses)
  expect((await survey(bytes)).witness).toEqual(at(4, 60))
  bytes[starts[1]! + 70]! ^= 1
  expect((await survey(bytes)).witness, 'the other one is damaged').toEqual(at(4, 59))
  expect((await survey(makeLog([10, 20]).bytes)).witness, 'an old log has none').toBeNull()
})

test('content that looks like a record is not one', async () => {
  const inner = makeLog([40]).bytes
  const framed = frameRecord(
    {
      volume: 5,
      offset: 0,
      server: 1,
      incarnation: 1,
      requestNumber: 0,
      start: 0,
      committedEnd: 0,
      witness: null,
      path: '/x',
    },
    sumContent([inner], crc32),
    { salt: new Uint8Array(8).fill(1), crc32 },
  )
  const bytes = new Uint8Array(Buffer.concat(framed.pieces))
  bytes[20]! ^= 1
  const options = { volume: 5, salt: new Uint8Array(8).fill(1), crc32, from: 0, to: bytes.length }
  const read = async (at: number, buffer: Uint8Array) => {
    buffer.set(bytes.subarray(at, at + buffer.length))
    return Math.min(buffer.length, bytes.length - at)
  }
  expect(await surveyVolume(read, options, 0)).toMatchObject({ recordCount: 0, tailAt: 0 })
})
