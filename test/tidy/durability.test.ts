/** The promises name the code that keeps them and the tests that would notice: both must be there, and so must the rules. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { filesOf } from './repository.ts'

const PAGE = 'docs/durability.md'
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const page = filesOf(['.md'], ['docs']).find(({ path }) => path === PAGE)!.text

/** What stands in backticks and is a path from the root of the repository. */
const paths = [...page.matchAll(/`((?:packages|services|test|docs|\.ci)\/[\w./-]+)`/g)].map(
  ([, path]) => path!,
)
const rows = page.split('\n').filter((line) => line.startsWith('|') && line.includes('`services/'))

test('every file that the promises name is there', () => {
  expect(paths.length).toBeGreaterThan(40)
  expect(paths.filter((path) => !existsSync(`${ROOT}${path}`))).toEqual([])
})

test('every promise names a test', () => {
  expect(rows.length).toBeGreaterThan(10)
  expect(rows.filter((row) => !/test\/|histories/.test(row.split('|').at(-2)!))).toEqual([])
})

test('every rule that a promise names is named in the code too', () => {
  const rules = new Set([...page.matchAll(/\bR\d{1,2}\b/g)].map(([rule]) => rule))
  const sources = filesOf(['.ts'], ['packages', 'services']).filter(({ path }) => path.includes('/src/'))
  const code = sources.map(({ text }) => text).join('\n')
  expect(rules.size).toBeGreaterThan(10)
  expect([...rules].filter((rule) => !new RegExp(`\\b${rule}\\b`).test(code))).toEqual([])
})
