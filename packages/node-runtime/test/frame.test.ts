import { concatBytes } from '@dfs/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FRAME, FrameError, type FrameHead, FrameReader } from '../src/calls/frame.ts'
import { COPY_BYTES_MAX, joinSmallPieces } from '../src/calls/pieces.ts'
import { decodeRequestHead, encodeRequestHead } from '../src/calls/request-head.ts'

interface Frame {
  readonly kind: number
  readonly head: string
  readonly body: Uint8Array
}

/** Reads `bytes` in pieces of the given sizes, one after the other, again and again. */
function readIn(bytes: Uint8Array, sizes: readonly number[], keep = true): Frame[] {
  const frames: Frame[] = []
  let begun: FrameHead | null = null
  const reader = new FrameReader({
    onHead: (frame) => {
      begun = frame
      return keep
    },
    onEnd: (body) =>
      frames.push({ kind: begun!.kind, head: begun!.head, body: Uint8Array.from(concatBytes(body)) }),
  })
  for (let at = 0, turn = 0; at < bytes.byteLength; turn += 1) {
    const size = sizes[turn % sizes.length]!
    reader.push(bytes.slice(at, at + size))
    at += size
  }
  return frames
}

const anyFrame = fc.record({
  kind: fc.constantFrom(...Object.values(FRAME)),
  head: fc.string({ unit: 'grapheme', maxLength: 60 }),
  body: fc.uint8Array({ maxLength: 300 }),
})

describe('frames', () => {
  it('come out as they went in, however the bytes are split', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 5 }), sizes, (frames, split) => {
        const bytes = Buffer.concat(frames.flatMap(({ kind, head, body }) => encodeFrame(kind, head, [body])))
        expect(readIn(bytes, split)).toEqual(frames)
      }),
    )
  })

  it('can be skipped without losing the next one', () => {
    const bytes = Buffer.concat([
      ...encodeFrame(FRAME.request, 'large', [new Uint8Array(100_000)]),
      ...encodeFrame(FRAME.request, 'small', []),
    ])
    const heads = readIn(bytes, [1000], false).map(({ head, body }) => [head, body.byteLength])
    expect(heads).toEqual([
      ['large', 0],
      ['small', 0],
    ])
  })

  it('with a head that is too long, or no text, are refused', () => {
    expect(() => readIn(Buffer.concat(encodeFrame(1, 'x'.repeat(20_000), [])), [50])).toThrow(FrameError)
    const noText = Buffer.concat(encodeFrame(1, 'xx', []))
    noText.fill(0xff, 12)
    expect(() => readIn(noText, [100])).toThrow(FrameError)
  })
})

describe('the head of a request', () => {
  it('keeps route, request id and values, whatever these hold', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 })
    fc.assert(
      fc.property(text, text, text, (x, y, requestId) => {
        const head = { route: 'POST /v1/a/{x}/b/{y}', params: { x, y }, requestId }
        expect(decodeRequestHead(encodeRequestHead(head))).toEqual(head)
      }),
    )
  })

  it('leaves out what is not there', () => {
    const head = { route: 'POST /v1/seals', params: {} }
    expect(decodeRequestHead(encodeRequestHead(head))).toEqual(head)
  })

  it.each(['POST /v1/seals\n\n=5', 'POST /v1/seals\n\nx', 'POST /v1/seals\n%', 'POST /v1/seals\n\nx=%ff'])(
    'is refused if it is none: %j',
    (head) => {
      expect(() => decodeRequestHead(head)).toThrow(FrameError)
    },
  )
})

describe('joinSmallPieces', () => {
  it('keeps the bytes in order, and makes no piece larger than needed', () => {
    const sizes = fc.array(fc.oneof(fc.nat(3000), fc.integer({ min: 0, max: 2 * COPY_BYTES_MAX })), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(sizes, (lengths) => {
        const pieces = lengths.map((length, index) => new Uint8Array(length).fill(index + 1))
        const joined = joinSmallPieces(pieces)
        expect(Buffer.concat(joined).equals(Buffer.concat(pieces))).toBe(true)
        for (const [index, piece] of joined.entries()) {
          expect(piece.byteLength).toBeGreaterThan(0)
          expect(piece.byteLength <= COPY_BYTES_MAX || pieces.some((whole) => whole === piece)).toBe(true)
          const withNextBytes = piece.byteLength + (joined[index + 1]?.byteLength ?? COPY_BYTES_MAX)
          expect(withNextBytes).toBeGreaterThan(COPY_BYTES_MAX)
        }
      }),
      { numRuns: 50 },
    )
  })
})
