/** Runs of records say exactly what a look at each record says, for every bit, however the bytes are cut. */
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  BLOCK_BYTES,
  frameRecord,
  newest,
  type ReadInto,
  type RecordRun,
  recordRun,
  scanRuns,
  scanVolume,
  sumContent,
  type Witness,
} from '../src/index.ts'

const CONTEXT = { volume: 5, salt: new Uint8Array(8).fill(9), crc32 }
const witnessOf = (sequence: number): Witness => ({ counter: 3, nonce: '0123456789abcdef', sequence })

interface Made {
  readonly size: number
  readonly path?: string
  readonly witness?: Witness | null
}

function makeLog(records: readonly Made[]): { bytes: Uint8Array; ends: number[] } {
  const pieces: Uint8Array[] = []
  const ends: number[] = []
  let offset = 0
  for (const [requestNumber, { size, path = '/a/file', witness = null }] of records.entries()) {
    const content = new Uint8Array(size).map((_, at) => Math.imul(at + offset, 2654435761) >>> 24)
    const origin = { server: 1, incarnation: 1, requestNumber, start: 0, committedEnd: 0 }
    const identity = { ...origin, volume: CONTEXT.volume, offset, path, witness }
    const framed = frameRecord(identity, sumContent([content], crc32), CONTEXT)
    pieces.push(...framed.pieces)
    offset += framed.size
    ends.push(offset)
  }
  return { bytes: new Uint8Array(Buffer.concat(pieces)), ends }
}

const LOG = makeLog([
  { size: 30 },
  { size: 0, path: '/grüße/π', witness: witnessOf(9) },
  { size: 200, witness: witnessOf(7) },
  { size: 3 },
])

const run = (bytes: Uint8Array, options: { at?: number; to?: number; bytesMax?: number } = {}): RecordRun => {
  const { at = 0, bytesMax = Infinity } = options
  return recordRun(bytes, CONTEXT, { at, to: options.to ?? at + bytes.byteLength, bytesMax })
}

const readFrom =
  (bytes: Uint8Array): ReadInto =>
  async (at, buffer) => {
    const part = bytes.subarray(at, at + buffer.byteLength)
    buffer.set(part)
    return part.byteLength
  }

interface Verdict {
  readonly invalid: readonly (readonly [number, number])[]
  readonly count: number
  readonly witness: Witness | null
}

async function oneByOne(bytes: Uint8Array, to = bytes.byteLength): Promise<Verdict> {
  const invalid: [number, number][] = []
  let count = 0
  let witness: Witness | null = null
  for await (const found of scanVolume(readFrom(bytes), { ...CONTEXT, from: 0, to })) {
    if (found.kind === 'invalid') invalid.push([found.at, found.end])
    else {
      count += 1
      witness = newest(found.header.witness, witness)
    }
  }
  return { invalid, count, witness }
}

async function inRuns(bytes: Uint8Array, to = bytes.byteLength): Promise<Verdict> {
  const invalid: [number, number][] = []
  let [count, at] = [0, 0]
  let witness: Witness | null = null
  for await (const found of scanRuns(readFrom(bytes), { ...CONTEXT, from: 0, to })) {
    expect(found.at, 'without gaps').toBe(at)
    at = found.end
    if (found.kind === 'invalid') invalid.push([found.at, found.end])
    else {
      count += found.count
      witness = newest(found.witness, witness)
    }
  }
  expect(at).toBe(to)
  return { invalid, count, witness }
}

describe('a run of records', () => {
  it('ends where the bytes do, and says the newest that any of them says', () => {
    const size = LOG.bytes.byteLength
    expect(run(LOG.bytes)).toEqual({ size, count: 4, witness: witnessOf(9), next: 'end' })
  })

  it('ends at a record when it has looked at enough', () => {
    const [first, second] = LOG.ends
    expect(run(LOG.bytes, { bytesMax: 1 })).toMatchObject({ size: first, count: 1, next: 'more' })
    expect(run(LOG.bytes, { bytesMax: first! + 1 })).toMatchObject({ size: second, count: 2, next: 'more' })
  })

  it('may go on where the bytes are cut, wherever that is, unless the volume ends there', () => {
    for (let size = 0; size < LOG.bytes.byteLength; size += 1) {
      const whole = LOG.ends.filter((end) => end <= size)
      const isWhole = size === (whole.at(-1) ?? 0)
      const found = { size: whole.at(-1) ?? 0, count: whole.length }
      const part = LOG.bytes.subarray(0, size)
      expect(run(part, { to: LOG.bytes.byteLength })).toMatchObject({
        ...found,
        next: isWhole ? 'end' : 'cut',
      })
      expect(run(part)).toMatchObject({ ...found, next: isWhole ? 'end' : 'invalid' })
    }
  })

  it('has no record of another place, another volume or another salt', () => {
    expect(run(LOG.bytes, { at: 1 })).toMatchObject({ size: 0, next: 'invalid' })
    const options = { at: 0, to: LOG.bytes.byteLength, bytesMax: Infinity }
    expect(recordRun(LOG.bytes, { ...CONTEXT, volume: 6 }, options)).toMatchObject({ next: 'invalid' })
    const salt = CONTEXT.salt.map((byte, index) => (index === 7 ? byte + 1 : byte))
    expect(recordRun(LOG.bytes, { ...CONTEXT, salt }, options)).toMatchObject({ next: 'invalid' })
  })
})

describe('a scan in runs', () => {
  it('finds what a scan record by record finds, with any bit flipped', async () => {
    const { bytes } = LOG
    let withDamage = 0
    for (let bit = 0; bit < 8 * bytes.byteLength; bit += 1) {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const expected = await oneByOne(bytes)
      expect(await inRuns(bytes), `bit ${bit}`).toEqual(expected)
      withDamage += Number(expected.invalid.length > 0)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
    expect(withDamage).toBe(8 * bytes.byteLength)
  })

  it('finds the same in a log that ends early, or in the middle of a record', async () => {
    const { bytes } = LOG
    for (let size = 0; size <= bytes.byteLength; size += 1) {
      expect(await inRuns(bytes.slice(0, size))).toEqual(await oneByOne(bytes.slice(0, size)))
      expect(await inRuns(bytes.slice(0, size), bytes.byteLength)).toEqual(
        await oneByOne(bytes.slice(0, size), bytes.byteLength),
      )
    }
  })

  it('reads each byte once, though records do not end where its buffer does', async () => {
    const largest = 64 * BLOCK_BYTES
    const { bytes } = makeLog(Array.from({ length: 5 }, () => ({ size: largest })))
    let readBytes = 0
    const read: ReadInto = async (at, buffer) => {
      const count = await readFrom(bytes)(at, buffer)
      readBytes += count
      return count
    }
    let count = 0
    for await (const found of scanRuns(read, { ...CONTEXT, from: 0, to: bytes.byteLength }))
      if (found.kind === 'records') count += found.count
    expect([count, readBytes]).toEqual([5, bytes.byteLength])
  })
})
