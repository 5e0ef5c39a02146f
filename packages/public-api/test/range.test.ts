import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contentRange, parseRange, type RangeOutcome } from '../src/range.ts'

const size = fc.nat({ max: 2 ** 44 })
const position = fc.nat({ max: 2 ** 45 })

/** What RFC 9110 says of `first-last`, in as many words. */
function expected(total: number, first: number, last: number | null): RangeOutcome {
  if (last !== null && last < first) return { kind: 'whole' }
  if (first >= total) return { kind: 'unsatisfiable' }
  return { kind: 'part', range: { start: first, end: last === null ? total : Math.min(total, last + 1) } }
}

test('a range names exactly the positions that the field asks for and the file has', () => {
  fc.assert(
    fc.property(size, position, fc.option(position), (total, first, last) => {
      expect(parseRange(`bytes=${first}-${last ?? ''}`, total)).toEqual(expected(total, first, last))
    }),
  )
})

test('a suffix names the last positions', () => {
  fc.assert(
    fc.property(size, position, (total, count) => {
      const range = { start: Math.max(0, total - count), end: total }
      const isEmpty = total === 0 || count === 0
      expect(parseRange(`bytes=-${count}`, total)).toEqual(
        isEmpty ? { kind: 'unsatisfiable' } : { kind: 'part', range },
      )
    }),
  )
})

test('whatever the field holds, a range is within the file and not empty', () => {
  const field = fc.oneof(
    fc.string(),
    fc
      .string({ unit: fc.constantFrom('0', '9', '-', ',', ' ', '=', 'e', '.') })
      .map((text) => `bytes=${text}`),
  )
  fc.assert(
    fc.property(field, fc.nat({ max: 100 }), (text, total) => {
      const outcome = parseRange(text, total)
      if (outcome.kind !== 'part') return
      const { start, end } = outcome.range
      expect(start).toBeGreaterThanOrEqual(0)
      expect(end).toBeGreaterThan(start)
      expect(end).toBeLessThanOrEqual(total)
      expect(contentRange(outcome.range, total)).toBe(`bytes ${start}-${end - 1}/${total}`)
    }),
  )
})

test('numbers beyond what a double holds exactly are still far beyond any file', () => {
  expect(parseRange('bytes=0-99999999999999999999999', 10)).toEqual({
    kind: 'part',
    range: { start: 0, end: 10 },
  })
  expect(parseRange(`bytes=${'9'.repeat(400)}-`, 10).kind).toBe('unsatisfiable')
  expect(parseRange(`bytes=-${'9'.repeat(400)}`, 10)).toEqual({ kind: 'part', range: { start: 0, end: 10 } })
})
