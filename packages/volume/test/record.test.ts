import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  areBlocksValid,
  BLOCK_BYTES,
  CONTENT_BYTES_MAX,
  frameRecord,
  isExpected,
  parseHeader,
  sumContent,
  type Witness,
} from '../src/index.ts'

const salt = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])
const context = { salt, crc32 }
const identity = {
  volume: 2 ** 40 + 1,
  offset: 4711,
  server: 3,
  incarnation: 9,
  requestNumber: 77,
  start: 0,
  committedEnd: 4000,
  path: '/dir/näme',
}

const VERSIONS = [
  { version: 1, witness: null },
  { version: 2, witness: { counter: 12, nonce: '00000000000000ab', sequence: 2 ** 41 } },
]

const frame = (content: Uint8Array, witness: Witness | null = null) => {
  const summed = sumContent([content], crc32)
  const framed = frameRecord({ ...identity, witness }, summed, context)
  return { summed, framed, bytes: new Uint8Array(Buffer.concat(framed.pieces)) }
}

describe.each(VERSIONS)('version $version', ({ version, witness }) => {
  test('is known by its number', () => {
    expect(frame(new Uint8Array(1), witness).bytes[4]).toBe(version)
  })

  test('a record says where it belongs and verifies', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 * BLOCK_BYTES + 1 }), (length) => {
        const content = new Uint8Array(length).map((_, index) => index * 31)
        const { summed, framed, bytes } = frame(content, witness)
        expect(framed.crc32).toBe(crc32(bytes))
        expect(summed.crc32).toBe(crc32(content))
        const header = parseHeader(bytes, context)!
        expect(header).toMatchObject({ ...identity, witness })
        expect(areBlocksValid(header, 0, bytes.subarray(header.headerSize), crc32)).toBe(true)
        const expected = {
          volume: identity.volume,
          offset: 4711,
          recordSize: framed.size,
          length,
          crc32: summed.crc32,
        }
        expect(isExpected(header, expected)).toBe(true)
        expect(isExpected(header, { ...expected, offset: 4712 })).toBe(false)
        expect(isExpected(header, { ...expected, crc32: summed.crc32 ^ 1 })).toBe(false)
      }),
      { numRuns: 30 },
    )
  })

  test('every flipped bit of a record is noticed', () => {
    const { framed, bytes, summed } = frame(new Uint8Array(500).fill(7), witness)
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const header = parseHeader(bytes, context)
      const isAccepted =
        header !== null &&
        isExpected(header, {
          volume: identity.volume,
          offset: 4711,
          recordSize: framed.size,
          length: 500,
          crc32: summed.crc32,
        }) &&
        areBlocksValid(header, 0, bytes.subarray(header.headerSize), crc32)
      expect(isAccepted, `bit ${bit}`).toBe(false)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
  })

  test('a header of another volume (another salt) does not parse, and a cut one neither', () => {
    const { bytes } = frame(new Uint8Array(10), witness)
    expect(parseHeader(bytes, { salt: new Uint8Array(8), crc32 })).toBeNull()
    for (let size = 0; size < bytes.length - 10; size += 1) {
      expect(parseHeader(bytes.subarray(0, size), context)).toBeNull()
    }
  })
})

test('pieces of any sizes sum to the same record', () => {
  const content = new Uint8Array(2 * BLOCK_BYTES + 100).map((_, index) => index % 251)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: content.length }), { maxLength: 8 }), (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), content.length]
      const pieces = at.slice(1).map((end, index) => content.subarray(at[index]!, end))
      expect(sumContent(pieces, crc32).blockCrcs).toEqual(sumContent([content], crc32).blockCrcs)
    }),
    { numRuns: 50 },
  )
})

test('the largest chunk fits one record', () => {
  const summed = sumContent([new Uint8Array(CONTENT_BYTES_MAX)], crc32)
  expect(summed.blockCrcs).toHaveLength(64)
  expect(() => sumContent([new Uint8Array(CONTENT_BYTES_MAX + 1)], crc32)).toThrow('fits one record')
})
