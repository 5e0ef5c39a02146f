/** Ids order by epoch, survive their text, and an older master is recognised. */
import { describe, expect, it } from 'vitest'
import { checkEpoch, ERRORS, formatEtag, formatId, makeId, parseId } from '../src/index.ts'

describe('ids', () => {
  it('of a later epoch are larger than all earlier ones', () => {
    expect(makeId(2, 1)).toBeGreaterThan(makeId(1, 2 ** 32 - 1))
    expect(makeId(2 ** 21 - 1, 2 ** 32 - 1)).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('survive their text, and nothing else parses', () => {
    for (const id of [makeId(1, 1), makeId(77, 12_345), Number.MAX_SAFE_INTEGER])
      expect(parseId(formatId(id))).toBe(id)
    for (const text of ['', '0', '01', 'G', '-1', '1.5', 'fffffffffffffff', '20000000000000', '1 ']) {
      expect(parseId(text), text).toBeNull()
    }
    expect(formatEtag(makeId(1, 1))).toBe('"100000001"')
  })

  it('run out with a failed assertion, not by repeating', () => {
    expect(() => makeId(1, 2 ** 32)).toThrow('used up')
    expect(() => makeId(2 ** 21, 1)).toThrow('out of range')
  })
})

describe('epochs', () => {
  const seen = { counter: 5, nonce: '0123456789abcdef', sequence: 1000 }
  it.each([
    ['the same start, further on', { ...seen, sequence: 2000 }, true],
    ['the same start, an answer that was overtaken', { ...seen, sequence: 10 }, true],
    ['a later start', { counter: 6, nonce: 'fedcba9876543210', sequence: 1001 }, true],
    ['an earlier start', { counter: 4, nonce: 'fedcba9876543210', sequence: 5000 }, false],
    ['a backup started as often', { counter: 5, nonce: 'fedcba9876543210', sequence: 5000 }, false],
    ['a backup started more often', { counter: 9, nonce: 'fedcba9876543210', sequence: 999 }, false],
  ])('%s', (_what, next, isAccepted) => {
    const isObeyed = (): boolean => {
      try {
        checkEpoch(seen, next)
        return true
      } catch (error) {
        return (error as { code?: string }).code !== 'STALE_EPOCH'
      }
    }
    expect(isObeyed()).toBe(isAccepted)
  })
})

describe('the catalogue', () => {
  it('says of every error what to do, in a sentence', () => {
    for (const [code, { status, line, title, fix }] of Object.entries(ERRORS)) {
      expect(status, code).toBeGreaterThanOrEqual(400)
      expect(line, code).toMatch(/^[A-Z0-9_]+$/)
      expect(title.length, code).toBeGreaterThan(5)
      expect(fix, code).toMatch(/\.$/)
    }
  })

  it('keeps the names and statuses of the older protocol', () => {
    expect(ERRORS.FILE_NOT_FOUND).toMatchObject({ status: 404, line: 'FILE_NOT_FOUND' })
    expect(ERRORS.FILE_LOCKED_ERROR).toMatchObject({ status: 423, line: 'FILE_LOCKED_ERROR' })
    expect(ERRORS.TIMEOUT_ERROR).toMatchObject({ status: 504, line: 'TIMEOUT_ERROR' })
    expect(ERRORS.COPY_ERROR).toMatchObject({ status: 503, line: 'COPY_ERROR' })
    expect(ERRORS.INSUFFICIENT_SPACE).toMatchObject({ status: 507, line: 'COPY_ERROR' })
  })
})
