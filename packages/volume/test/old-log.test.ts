/** A log as the first released program wrote it, byte for byte: it is read for ever, and written again just the same. */
import { readFileSync } from 'node:fs'
import { crc32, gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { frameRecord, type ScanOptions, scanVolume, sumContent, surveyVolume } from '../src/index.ts'

const log = new Uint8Array(
  gunzipSync(readFileSync(new URL('fixtures/log-of-version-1.bin.gz', import.meta.url))),
)
const VOLUME = 2 ** 40 + 1
const SIZES = [120, 0, 70_000]
const context = { salt: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]), crc32 }
const options: ScanOptions = { volume: VOLUME, ...context, from: 0, to: log.byteLength }

const read = async (at: number, buffer: Uint8Array): Promise<number> => {
  const part = log.subarray(at, at + buffer.byteLength)
  buffer.set(part)
  return part.byteLength
}

const identityOf = (index: number, offset: number) => ({
  volume: VOLUME,
  offset,
  server: 3,
  incarnation: 9 * 2 ** 20 + 5,
  requestNumber: 77 + index,
  start: 0,
  committedEnd: offset,
  path: `/dir/n\u00e4me-${index}`,
  witness: null,
})

it('is whole, record by record', async () => {
  const headers = []
  for await (const found of scanVolume(read, options)) {
    expect(found.kind).toBe('record')
    if (found.kind === 'record') headers.push(found.header)
  }
  expect(headers).toHaveLength(SIZES.length)
  for (const [index, header] of headers.entries()) {
    expect(header).toMatchObject({ ...identityOf(index, header.offset), length: SIZES[index] })
  }
  const survey = { validTo: log.byteLength, damaged: [], tailAt: null, witness: null }
  expect(await surveyVolume(read, options, log.byteLength)).toMatchObject(survey)
})

it('is what this program writes if not every server reads more', () => {
  const pieces: Uint8Array[] = []
  let offset = 0
  for (const [index, size] of SIZES.entries()) {
    const content = new Uint8Array(size).map((_, at) => at * 31 + index)
    const framed = frameRecord(identityOf(index, offset), sumContent([content], crc32), context)
    pieces.push(...framed.pieces)
    offset += framed.size
  }
  expect(Buffer.concat(pieces).equals(log)).toBe(true)
})
