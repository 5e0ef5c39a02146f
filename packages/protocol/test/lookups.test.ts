/** Look-ups between programs of different ages: what one has added is not seen by the other, and nothing else changes. */
import { concatBytes } from '@dfs/core'
import { describe, expect, it } from 'vitest'
import { type FilePath, type FoundFile, type Lookup, lookups, type LookupsReply } from '../src/index.ts'

const VOLUME = 2 ** 41
const epoch = { counter: 1, nonce: '0123456789abcdef', sequence: 2 }
const file: FoundFile = {
  kind: 'file',
  info: {
    kind: 'file',
    file: 1,
    version: 2,
    size: 8,
    crc32: 3,
    sha256: null,
    contentType: 'a/b',
    executable: false,
    modifiedMs: 4,
    copies: 3,
    zones: 2,
  },
  chunks: [{ volume: VOLUME, offset: 6, recordSize: 7, length: 8, crc32: 9, copies: 3, start: 0 }],
  locations: new Map([[VOLUME, [5, 6]]]),
  now: null,
  lostOn: new Map(),
}
const attributes: FoundFile = { ...file, chunks: [], locations: new Map() }
const directory = { kind: 'directory', modifiedMs: 7 } as const
/** As an older program has it: nobody says how well a file is kept. */
const PLAIN: LookupsReply = { epoch, results: [file, directory, attributes] }

/** The answer above as a program has written it that knew of nothing else. */
const PLAIN_BYTES = [
  '000000000000f03f100000003031323334353637383961626364656600000000000000400300000001000000000000f0',
  '3f0000000000000040000000000000204003000000ffffffff03000000612f6200000000000000104003020100000000',
  '000000000000000000000000008042000000000000184007000000080000000900000003010000000000000000008042',
  '0200000000000014400000000000001840020000000000001c4001000000000000f03f00000000000000400000000000',
  '00204003000000ffffffff03000000612f6200000000000000104003020000000000000000',
].join('')

const REQUESTS: readonly Lookup[] = [
  { by: 'path', path: '/a' as FilePath, version: null, fromByte: 0, chunksMax: 0 },
  { by: 'version', file: 1, version: 2, fromByte: 3, chunksMax: 64 },
]
const REQUEST_BYTES = [
  '0200000000020000002f61000000000000000000000000000000000000000001000000000000f03f0000000000000040',
  '000000000000084040000000',
].join('')

const hexOf = (reply: LookupsReply): string =>
  Buffer.from(concatBytes(lookups.encodeReply(reply))).toString('hex')
const bytesOf = (hex: string): Uint8Array[] => [Buffer.from(hex, 'hex')]

describe('an answer', () => {
  const kept: LookupsReply = {
    epoch,
    results: [
      { ...file, now: { copies: 2, zones: 1, firstChunks: 64 }, lostOn: new Map([[VOLUME, [7, 2 ** 33]]]) },
      directory,
      { ...attributes, now: { copies: 0, zones: 0, firstChunks: null } },
      file,
    ],
  }

  it('arrives as it was sent', () => {
    expect(lookups.decodeReply(lookups.encodeReply(kept))).toEqual(kept)
    expect(lookups.decodeReply(lookups.encodeReply(PLAIN))).toEqual(PLAIN)
  })

  it('of an older program says nothing of copies', () => {
    expect(lookups.decodeReply(bytesOf(PLAIN_BYTES))).toEqual(PLAIN)
  })

  it('begins with all that an older program reads, which stops there', () => {
    const results = PLAIN.results.map((result) =>
      result.kind === 'file'
        ? { ...result, now: { copies: 1, zones: 1, firstChunks: null }, lostOn: new Map([[VOLUME, [7]]]) }
        : result,
    )
    const hex = hexOf({ epoch, results })
    expect(hex.slice(0, PLAIN_BYTES.length)).toBe(PLAIN_BYTES)
    expect(hex.length).toBeGreaterThan(PLAIN_BYTES.length)
  })

  it('of a newer program may have more sections', () => {
    expect(lookups.decodeReply(bytesOf(`${hexOf(kept)}0100000009`))).toEqual(kept)
  })
})

describe('a request', () => {
  const encoded = (requests: readonly Lookup[]): Uint8Array =>
    concatBytes(lookups.encodeRequest(requests).body)
  const wishing: Lookup[] = REQUESTS.map((request) =>
    request.by === 'path' ? { ...request, isOfAllCopies: true } : request,
  )

  it('without wishes is what older programs send', () => {
    expect(Buffer.from(encoded(REQUESTS)).toString('hex')).toBe(REQUEST_BYTES)
    expect(lookups.decodeRequest({}, bytesOf(REQUEST_BYTES))).toEqual(REQUESTS)
  })

  it('with a wish arrives as it was sent, and begins with all that an older program reads', () => {
    expect(lookups.decodeRequest({}, [encoded(wishing)])).toEqual(wishing)
    expect(Buffer.from(encoded(wishing)).toString('hex').slice(0, REQUEST_BYTES.length)).toBe(REQUEST_BYTES)
  })
})
