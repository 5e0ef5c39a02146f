/** Whose record a wrong range is: told by the header as long as that is right, and by nothing else. */
import { crc32 as zlibCrc32 } from 'node:zlib'
import { concatBytes } from '@dfs/core'
import { expect, it } from 'vitest'
import { damagedRecords, frameRecord, type ReadInto, sumContent } from '../src/index.ts'

const crc32 = (bytes: Uint8Array, before = 0): number => zlibCrc32(bytes, before)
const salt = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const where = {
  volume: 9,
  server: 1,
  incarnation: 1,
  requestNumber: 1,
  start: 0,
  committedEnd: 0,
  witness: null,
}

/** Records that follow each other, and where each begins; the last one is the end. */
const starts = [0]
const log = concatBytes(
  ['/a', '/b', '/c'].flatMap((path, index) => {
    const offset = starts.at(-1)!
    const content = sumContent([new Uint8Array(1000 + index)], crc32)
    const { pieces } = frameRecord({ ...where, offset, path }, content, { salt, crc32 })
    starts.push(offset + pieces.reduce((sum, { byteLength }) => sum + byteLength, 0))
    return pieces
  }),
)
const [first, second, third, end] = starts as [number, number, number, number]

/** The log with a wrong bit at each of these places. */
const logWith = (...places: readonly number[]): ReadInto => {
  const bytes = log.slice()
  for (const place of places) bytes[place]! ^= 4
  return async (at, buffer) => {
    const part = bytes.subarray(at, at + buffer.byteLength)
    buffer.set(part)
    return part.byteLength
  }
}
const named = (read: ReadInto, from: number, to: number, countMax = 10) =>
  damagedRecords(read, { volume: 9, salt, crc32, from, to }, countMax)

it('names each record of a range whose contents are wrong', async () => {
  const read = logWith(second - 5, third - 5)
  expect(await named(read, first, third)).toEqual([
    { at: first, end: second, path: '/a' },
    { at: second, end: third, path: '/b' },
  ])
  expect(await named(read, first, third, 1)).toEqual([{ at: first, end: second, path: '/a' }])
})

it('names nobody from a wrong header on', async () => {
  const read = logWith(second + 3)
  expect(await named(read, second, third)).toEqual([{ at: second, end: third, path: null }])
  expect(await named(read, first, end)).toEqual([
    { at: first, end: second, path: '/a' },
    { at: second, end, path: null },
  ])
})

it('does not believe a header of a record that would not fit the range, nor what cannot be read', async () => {
  expect(await named(logWith(), first, second - 1)).toEqual([{ at: first, end: second - 1, path: null }])
  expect(await named(async () => 0, first, second)).toEqual([{ at: first, end: second, path: null }])
})
