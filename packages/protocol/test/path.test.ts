/** The one rule for names: which texts are paths, and that a path survives a URL. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  encodePath,
  type FilePath,
  joinPath,
  parseDirectoryPath,
  parseFilePath,
  ROOT,
  segmentsOf,
} from '../src/index.ts'

const refused = (parse: () => unknown): unknown => {
  try {
    return parse()
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('paths', () => {
  it.each([
    ['a', '/a'],
    ['/a/b', '/a/b'],
    ['/.hidden', '/.hidden'],
    ['/a b#c%d?e', '/a b#c%d?e'],
    ['/e\u0301', '/e\u0301'],
    ['/\u00e9', '/\u00e9'],
    ['/...', '/...'],
    [`/${'x'.repeat(255)}`, `/${'x'.repeat(255)}`],
    [`/${'é'.repeat(127)}`, `/${'é'.repeat(127)}`],
  ])('takes %j as it is', (text, path) => {
    expect(parseFilePath(text)).toBe(path)
  })

  it.each([
    '',
    '/',
    '/a/',
    '//a',
    '/a//b',
    '/.',
    '/..',
    '/a/../b',
    '/a/./b',
    '/a\u0000b',
    '/a\nb',
    '/a\rb',
    '/a\u007fb',
    '/a\u0085b',
    '/\ud800',
    `/${'x'.repeat(256)}`,
    `/${'é'.repeat(128)}`,
    `/${'a/'.repeat(2048)}b`,
  ])('refuses %j', (text) => {
    expect(refused(() => parseFilePath(text))).toBe('INVALID_PATH')
  })

  it('takes 4,096 bytes and not one more', () => {
    const longest = `/${'a'.repeat(255)}`.repeat(16)
    expect(longest).toHaveLength(4096)
    expect(parseFilePath(longest)).toBe(longest)
    expect(refused(() => parseFilePath(`${longest.slice(0, -2)}/bb`))).toBe('INVALID_PATH')
  })

  it('lets a directory be the root, and end with a slash', () => {
    expect(parseDirectoryPath('')).toBe(ROOT)
    expect(parseDirectoryPath('/')).toBe(ROOT)
    expect(parseDirectoryPath('a/b/')).toBe('/a/b')
    expect(refused(() => parseDirectoryPath('a//'))).toBe('INVALID_PATH')
  })

  it('survives a URL, whatever is in its names', () => {
    const name = fc
      .string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
      // oxlint-disable-next-line no-control-regex
      .filter((text) => text !== '.' && text !== '..' && !/[/\u0000-\u001f\u007f-\u009f]/.test(text))
      .filter((text) => text.isWellFormed() && Buffer.byteLength(text) <= 255)
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), (names) => {
        const path = names.reduce<FilePath>((directory, each) => joinPath(directory, each), ROOT)
        expect(segmentsOf(path)).toEqual(names)
        const decoded = encodePath(path).split('/').map(decodeURIComponent).join('/')
        expect(parseFilePath(decoded)).toBe(path)
      }),
    )
  })
})
