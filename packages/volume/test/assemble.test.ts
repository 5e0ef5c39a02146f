/** A record is found as long as each part of it is right in some copy; otherwise there is none, never a wrong one. */
import { crc32 as zlibCrc32 } from 'node:zlib'
import { concatBytes } from '@dfs/core'
import { expect, it } from 'vitest'
import {
  assembleMost,
  assembleRecord,
  BLOCK_BYTES,
  frameRecord,
  type ReadInto,
  sumContent,
} from '../src/index.ts'

const crc32 = (bytes: Uint8Array, before = 0): number => zlibCrc32(bytes, before)
const salt = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const content = new Uint8Array(3 * BLOCK_BYTES - 100).map((_, index) => index * 7)
const where = {
  volume: 9,
  offset: 0,
  server: 1,
  incarnation: 1,
  requestNumber: 1,
  start: 0,
  committedEnd: 0,
  witness: null,
}
const framed = frameRecord({ ...where, path: '/a' }, sumContent([content], crc32), { salt, crc32 })
const whole = concatBytes(framed.pieces)
const headerSize = whole.byteLength - content.byteLength
const options = { volume: 9, salt, crc32, from: 0, to: whole.byteLength }

/** A copy with a wrong bit at each of these places. */
const copyWith = (...places: readonly number[]): ReadInto => {
  const bytes = whole.slice()
  for (const place of places) bytes[place]! ^= 4
  return async (at, buffer) => {
    const part = bytes.subarray(at, at + buffer.byteLength)
    buffer.set(part)
    return part.byteLength
  }
}
const blockAt = (index: number): number => headerSize + index * BLOCK_BYTES + 5
const unreadable: ReadInto = async () => 0

it('takes a record as it is from a copy that has it', async () => {
  expect(await assembleRecord([copyWith()], 0, options)).toEqual(whole)
})

it('puts it together from copies that are damaged in different places', async () => {
  const copies = [copyWith(3), copyWith(blockAt(0), blockAt(2)), unreadable, copyWith(blockAt(1))]
  expect(await assembleRecord(copies, 0, options)).toEqual(whole)
})

it('finds nothing if one block is wrong everywhere', async () => {
  expect(await assembleRecord([copyWith(blockAt(1)), copyWith(blockAt(1))], 0, options)).toBeNull()
  expect(await assembleRecord([copyWith(3), copyWith(20)], 0, options)).toBeNull()
  expect(await assembleRecord([], 0, options)).toBeNull()
})

it('finds nothing if the record belongs elsewhere, or reaches too far', async () => {
  expect(await assembleRecord([copyWith()], 0, { ...options, volume: 8 })).toBeNull()
  expect(await assembleRecord([copyWith()], 0, { ...options, to: whole.byteLength - 1 })).toBeNull()
})

it('tells which copies lack some of it, as far as they were asked, and whose it is', async () => {
  const copies = [copyWith(3), copyWith(blockAt(0)), copyWith(blockAt(1)), copyWith(blockAt(2))]
  const most = await assembleMost(copies, 0, options)
  expect(most).toMatchObject({ isWhole: true, path: '/a' })
  expect([...most!.lacking], 'the first gave the blocks that the second has not').toEqual([0])
  const [, second, third] = copies
  const alone = await assembleMost([second!, third!], 0, options)
  expect([...alone!.lacking]).toEqual([0])
  const all = await assembleMost([second!, second!], 0, options)
  expect([all!.isWhole, ...all!.lacking]).toEqual([false, 0, 1])
})
