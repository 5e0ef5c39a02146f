import { crc32 } from 'node:zlib'
import { utf8 } from '@dfs/core'
import { describe, expect, it } from 'vitest'
import {
  decodeFrames,
  encodeChanges,
  encodeFrame,
  FRAME_HEADER_BYTES,
  FRAME_RAW_BYTES_MAX,
  FRAME_STORED_BYTES_MAX,
  type FrameCodec,
  type FrameDraft,
  FrameTooLargeError,
  packChangeSets,
  parseFrameHeader,
  storedOf,
  unpackChangeSets,
} from '../src/index.ts'
import { at, changes, CLUSTER, codec, NONCE, origin, snapshotEnd, snapshotPiece } from './frames.ts'

const plain: FrameCodec = {
  crc32,
  compression: { compress: async (raw) => raw, decompress: async (stored) => stored },
}

describe('a frame', () => {
  it('is read out of memory of Node, which it leaves as it is', async () => {
    const frame = await encodeChanges({ ...origin, from: at(1), to: at(2), changeSets: [utf8('a')] }, codec)
    const read = Buffer.from(frame)
    expect(parseFrameHeader(read, crc32)).toMatchObject({ kind: 'changes' })
    expect(Buffer.compare(read, frame)).toBe(0)
  })

  it('has the bytes that the format says', async () => {
    const to = { counter: 4, nonce: 'ff00000000000001', sequence: 4711 }
    const frame = await encodeChanges(
      { ...origin, from: at(4700), to, changeSets: [utf8('ab'), utf8('c')] },
      plain,
    )
    const stored = '02000000' + '6162' + '01000000' + '63'
    const view = new DataView(frame.buffer)
    const summed = frame.slice(0, 128).fill(0, 12, 16)
    expect(view.getUint32(12, true)).toBe(crc32(summed))
    expect(frame.slice(0, 12).toHex()).toBe('4446534d' + '0100' + '0300' + '0b000000')
    expect(frame.slice(16, 32).toHex()).toBe(CLUSTER)
    const positions = [
      '0000000000000840' + 'efcdab8967452301' + '00000000005cb240',
      '0000000000001040' + '01000000000000ff' + '0000000000000000' + '000000000067b240',
    ]
    expect(frame.slice(32, 88).toHex()).toBe(positions.join(''))
    expect(frame.slice(88, 104).toHex()).toBe('0000000000000000' + '0b000000' + '0b000000')
    expect(view.getUint32(104, true)).toBe(crc32(Uint8Array.fromHex(stored)))
    expect(frame.slice(108, 128).toHex()).toBe('00'.repeat(20))
    expect(frame.slice(128).toHex()).toBe(stored)
  })

  it('says what it is', async () => {
    const piece = parseFrameHeader(await snapshotPiece(200, 300), crc32)
    expect(piece).toMatchObject({ kind: 'snapshot', from: at(10), to: at(10), offset: 200, fileBytes: 300 })
    expect(piece).toMatchObject({ clusterId: CLUSTER, schema: 11, rawBytes: 100, storedBytes: 100 })
    const end = await snapshotEnd()
    expect(end.byteLength).toBe(FRAME_HEADER_BYTES)
    expect(parseFrameHeader(end, crc32)).toMatchObject({
      kind: 'snapshotEnd',
      offset: 300,
      fileBytes: 300,
      rawBytes: 0,
      storedBytes: 0,
      storedCrc32: 0,
    })
    const { frames } = decodeFrames(await changes(at(10), at(12), 'eleven', 'twelve'), crc32)
    expect(frames[0]!.header).toMatchObject({ kind: 'changes', from: at(10), to: at(12), rawBytes: 20 })
    const raw = await codec.compression.decompress(storedOf(frames[0]!), 20)
    expect(unpackChangeSets(raw)).toEqual([utf8('eleven'), utf8('twelve')])
  })

  it('is noticed with any of its bits turned, and with any of its bytes missing', async () => {
    for (const frame of [await changes(at(10), at(11), 'eleven'), await snapshotEnd()]) {
      for (let bit = 0; bit < 8 * frame.byteLength; bit += 1) {
        frame[bit >> 3]! ^= 1 << (bit & 7)
        const { frames, end } = decodeFrames(frame, crc32)
        expect(frames, `bit ${bit}`).toEqual([])
        expect(end, `bit ${bit}`).toEqual({ kind: 'torn', at: 0, size: frame.byteLength })
        frame[bit >> 3]! ^= 1 << (bit & 7)
      }
      for (let size = 1; size < frame.byteLength; size += 1) {
        const read = decodeFrames(frame.subarray(0, size), crc32)
        expect(read).toEqual({ frames: [], end: { kind: 'torn', at: 0, size } })
      }
    }
  })

  const draft: FrameDraft = { ...origin, kind: 'changes', from: at(10), to: at(11), offset: 0, fileBytes: 0 }
  const impossible: [string, Partial<FrameDraft>][] = [
    ['lead nowhere', { to: at(10) }],
    ['lead back', { to: at(9) }],
    ['lead to a later start with fewer transactions', { to: at(9, 4) }],
    ['lead into another history', { to: at(11, 3, 'fedcba9876543210') }],
    ['are parts of a file', { offset: 1 }],
    ['are of a cluster without an id', { clusterId: '' }],
    ['come from before the first start', { from: at(10, 0) }],
  ]
  it.each(impossible)('is never made of changes that %s', async (_, part) => {
    await expect(encodeFrame({ ...draft, ...part }, utf8('raw'), codec)).rejects.toThrow('cannot be')
  })

  it('is never made of a part of a snapshot beyond the end of the file', async () => {
    await expect(snapshotPiece(201, 300).then(() => snapshotPiece(300, 301))).rejects.toThrow('cannot be')
  })

  it('holds so much and no more', async () => {
    const most = await encodeFrame(draft, new Uint8Array(FRAME_STORED_BYTES_MAX), plain)
    expect(most.byteLength).toBe(4 * 1024 * 1024)
    expect(decodeFrames(most, crc32).end).toEqual({
      kind: 'whole',
      at: most.byteLength,
      size: most.byteLength,
    })
    const stored = encodeFrame(draft, new Uint8Array(FRAME_STORED_BYTES_MAX + 1), plain)
    await expect(stored).rejects.toThrow(FrameTooLargeError)
    const tiny = { ...plain, compression: { ...plain.compression, compress: async () => new Uint8Array(1) } }
    await encodeFrame(draft, new Uint8Array(FRAME_RAW_BYTES_MAX), tiny)
    const raw = encodeFrame(draft, new Uint8Array(FRAME_RAW_BYTES_MAX + 1), tiny)
    await expect(raw).rejects.toThrow(FrameTooLargeError)
  })
})

describe('change sets in a frame', () => {
  it('come out as they went in, empty ones as well', () => {
    const sets = [utf8('a'), utf8(''), utf8(NONCE)]
    expect(unpackChangeSets(packChangeSets(sets))).toEqual(sets)
    expect(packChangeSets([utf8('a'), utf8('')]).toHex()).toBe('0100000061' + '00000000')
  })

  it('are refused if they do not end where they should', () => {
    const packed = packChangeSets([utf8('abc')])
    for (let size = 1; size < packed.byteLength; size += 1) {
      expect(() => unpackChangeSets(packed.subarray(0, size))).toThrow('ends too early')
    }
    expect(() => unpackChangeSets(Uint8Array.fromHex('ffffffff'))).toThrow('without bytes')
  })
})
