/**
 * A log of 160 KiB, of records of both versions, with one bit flipped at a time. Two readers must notice each of them: the survey, which reads a volume
 * from end to end, and the reader of a single chunk, who knows from the metadata what to expect.
 */
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  areBlocksValid,
  BLOCK_BYTES,
  type ExpectedRecord,
  frameRecord,
  isExpected,
  parseHeader,
  sumContent,
  surveyVolume,
} from '../src/index.ts'

const context = { salt: new Uint8Array(8).map((_, at) => at * 17), crc32 }
const VOLUME = 5
const WITNESS = { counter: 3, nonce: '0123456789abcdef', sequence: 4711 }

interface Placed {
  readonly at: number
  readonly end: number
  readonly expected: ExpectedRecord
}

function makeLog(sizes: readonly number[]): { bytes: Uint8Array; records: Placed[] } {
  const pieces: Uint8Array[] = []
  const records: Placed[] = []
  let offset = 0
  for (const [requestNumber, size] of sizes.entries()) {
    const content = new Uint8Array(size).map((_, at) => Math.imul(at + offset, 2654435761) >>> 24)
    const summed = sumContent([content], crc32)
    const witness = requestNumber % 2 === 0 ? WITNESS : null
    const origin = { server: 1, incarnation: 1, requestNumber, start: 0, committedEnd: 0, witness }
    const framed = frameRecord({ ...origin, volume: VOLUME, offset, path: '/a/file' }, summed, context)
    pieces.push(...framed.pieces)
    const expected = { volume: VOLUME, offset, recordSize: framed.size, length: size, crc32: summed.crc32 }
    records.push({ at: offset, end: offset + framed.size, expected })
    offset += framed.size
  }
  return { bytes: new Uint8Array(Buffer.concat(pieces)), records }
}

/** Whether the reader of a chunk would hand these bytes out. */
function isServed(record: Uint8Array, expected: ExpectedRecord, salted: boolean): boolean {
  const header = parseHeader(record, salted ? context : null)
  if (header === null || !isExpected(header, expected)) return false
  return areBlocksValid(header, 0, record.subarray(header.headerSize), crc32)
}

/** Calls `look` for every bit in turn, flipped while it looks. */
function flipping(bytes: Uint8Array, bits: Iterable<number>, look: (bit: number) => void): number {
  let count = 0
  for (const bit of bits) {
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    look(bit)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    count += 1
  }
  return count
}

function* bitsOf(from: number, to: number): Generator<number> {
  for (let bit = 8 * from; bit < 8 * to; bit += 1) yield bit
}

describe('a flipped bit', () => {
  it('anywhere in a log of short records is noticed by whoever reads that record (R4)', () => {
    const sizes = Array.from({ length: 60 }, (_, index) => (index * 37) % 3000)
    const { bytes, records } = makeLog(sizes)
    const missed: number[] = []
    let flips = 0
    for (const { at, end, expected } of records) {
      const record = bytes.subarray(at, end)
      expect(isServed(record, expected, true), 'whole').toBe(true)
      flips += flipping(record, bitsOf(0, end - at), (bit) => {
        if (isServed(record, expected, true)) missed.push(8 * at + bit)
      })
    }
    expect(missed).toEqual([])
    expect(flips).toBe(8 * bytes.byteLength)
  })

  it('in every byte of a record of several blocks is noticed, also without its salt', () => {
    const { bytes, records } = makeLog([BLOCK_BYTES + 5000])
    const { expected } = records[0]!
    const missed: number[] = []
    // One bit of each byte, each time another one: a checksum that finds it finds its neighbours, as the first test shows.
    const oneOfEach = Array.from(bytes, (_, at) => 8 * at + ((at * 5) & 7))
    const flips = flipping(bytes, oneOfEach, (bit) => {
      if (isServed(bytes, expected, true)) missed.push(bit)
    })
    expect(missed).toEqual([])
    expect(flips).toBe(bytes.byteLength)
    const contentAt = bytes.byteLength - expected.length
    flipping(bytes, bitsOf(contentAt, contentAt + 500), (bit) => {
      if (isServed(bytes, expected, false)) missed.push(bit)
    })
    expect(missed, 'the content needs no salt').toEqual([])
  })

  it('is found by a survey as damage of its own record, and of no other', async () => {
    const { bytes, records } = makeLog([120, 0, 300, 50])
    const read = async (at: number, buffer: Uint8Array): Promise<number> => {
      const part = bytes.subarray(at, at + buffer.byteLength)
      buffer.set(part)
      return part.byteLength
    }
    const options = { volume: VOLUME, ...context, from: 0, to: bytes.byteLength }
    for (const { at, end } of records) {
      for (const bit of bitsOf(at, end)) {
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        const found = await surveyVolume(read, options, bytes.byteLength)
        expect(found, `bit ${bit}`).toMatchObject({ validTo: at, damaged: [{ at, end }], tailAt: null })
        expect(found.recordCount).toBe(records.length - 1)
        bytes[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
  })
})
