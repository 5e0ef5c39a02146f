/** Which log lines reach the terminal. */
import { describe, expect, it } from 'vitest'
import { notableText, plainText } from '../cluster/log-lines.ts'

describe('log lines', () => {
  it.each([
    ['{"level":40,"msg":"slow disk"}', 'warn: slow disk'],
    ['{"level":"error","msg":"lost","err":{"message":"EIO"}}', 'error: lost (EIO)'],
    ['{"time":1,"level":60,"message":"out"}', 'fatal: out'],
    ['{"level":50,"msg":"no start","reason":"the log is damaged"}', 'error: no start (the log is damaged)'],
    ['{"level":50,"msg":"no start: no key","reason":"no key"}', 'error: no start: no key'],
  ])('shows %s', (line, text) => {
    expect(notableText(line)).toBe(text)
  })

  it.each([
    '{"level":30,"msg":"GET /v1/files/x"}',
    '{"level":30,"msg":"says \\"level\\":50 in its text"}',
    '{"level":400,"msg":"no such level"}',
    '{"level":40,"msg":"cut off',
    'Error: a crash report',
    '',
  ])('keeps %j in the file', (line) => {
    expect(notableText(line)).toBeNull()
  })

  it('shows last words as they are, shortened', () => {
    expect(plainText('Error: boom')).toBe('Error: boom')
    expect(plainText('{"level":50,"msg":"boom"}')).toBe('boom')
    expect(plainText('x'.repeat(5000))).toHaveLength(3001)
  })
})
