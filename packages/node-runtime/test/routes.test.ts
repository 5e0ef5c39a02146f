import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COPY_BYTES_MAX, joinSmallPieces } from '../src/http/pieces.ts'
import { fillRoute, RouteTable } from '../src/http/routes.ts'

const RECORDS = 'POST /v1/volumes/{volume}/records'
const SEALS = 'POST /v1/volumes/seals'
const PAIR = 'GET /v1/a/{x}/b/{y}'

describe('routes', () => {
  const table = new RouteTable([RECORDS, SEALS, PAIR])

  it('are recognised with the values they were filled in with, whatever these hold', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 })
    fc.assert(
      fc.property(text, text, (x, y) => {
        const { method, path } = fillRoute(PAIR, { x, y })
        expect(table.match(method, path)).toEqual({ route: PAIR, params: { x, y } })
      }),
    )
  })

  it('without a placeholder win', () => {
    expect(table.match('POST', '/v1/volumes/seals')?.route).toBe(SEALS)
  })

  it.each([
    ['PUT', '/v1/volumes/seals'],
    ['POST', '/v1/volumes//records'],
    ['POST', '/v1/volumes/5/records/'],
    ['POST', '/v1/volumes/5/records?x=1'],
    ['POST', '/v1/volumes/%ff/records'],
    ['POST', 'http://elsewhere/v1/volumes/seals'],
    ['GET', '/v1/a/1?/b/2'],
  ])('do not include %s %s', (method, path) => {
    expect(table.match(method, path)).toBeNull()
  })

  it('cannot be filled without a value', () => {
    expect(() => fillRoute(RECORDS, {})).toThrow('{volume}')
  })
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
