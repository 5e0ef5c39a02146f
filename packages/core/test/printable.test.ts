/** Names that are more than they look. */
import { describe, expect, test } from 'vitest'
import { printable, printableJson, printableLine } from '../src/index.ts'

describe('What is shown as its number', () => {
  test.each([
    ['a colour', '\u001b[31m', '\\x1b[31m'],
    ['a new line', 'a\nb', 'a\\x0ab'],
    ['a C1 control', '\u009b1m', '\\x9b1m'],
    ['an override of direction', 'evil\u202egpj.exe', 'evil\\u{202e}gpj.exe'],
    ['an isolate', '\u2066a\u2069', '\\u{2066}a\\u{2069}'],
    ['a mark of direction', 'a\u200f\u061c', 'a\\u{200f}\\u{61c}'],
    ['zero width', 'a\u200bb\u200d\u2060\ufeff', 'a\\u{200b}b\\u{200d}\\u{2060}\\u{feff}'],
    ['a soft hyphen', 'a\u00adb', 'a\\xadb'],
    ['a filler', '\u3164', '\\u{3164}'],
    ['a variation', '\u2764\ufe0f', '\u2764\\u{fe0f}'],
    ['a tag', '\u{e0041}', '\\u{e0041}'],
    ['a separator of lines', 'a\u2028b', 'a\\u{2028}b'],
    ['half of a pair', '\ud83d', '\\u{d83d}'],
  ])('%s', (_, name, expected) => {
    expect(printable(name)).toBe(expected)
  })
})

test('Names of any script stay as they are.', () => {
  for (const name of ['plain', 'a b', 'café', 'cafe\u0301', 'שלום', 'مرحبا', '日本\u3000語', 'a\\b', '😀']) {
    expect(printable(name)).toBe(name)
  }
})

test('A line keeps its colours.', () => {
  expect(printableLine('\u001b[32mINFO\u001b[39m a\u202eb\n')).toBe('\u001b[32mINFO\u001b[39m a\\u{202e}b\n')
})

test('JSON keeps its value.', () => {
  const value = { path: 'a\u202eb\u{e0041}\u0085\n' }
  const json = printableJson(JSON.stringify(value))
  expect(json).toBe('{"path":"a\\u202eb\\udb40\\udc41\\u0085\\n"}')
  expect(JSON.parse(json)).toEqual(value)
})
