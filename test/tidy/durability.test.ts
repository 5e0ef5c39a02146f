/**
 * The promises name the code that keeps them, the rule that it follows and the tests that would notice: all of them must be
 * there, and code and tests must speak of the rule that the page gives them.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { filesOf } from './repository.ts'

const PAGE = 'docs/durability.md'
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const RULE = /\bR\d{1,2}\b/g

const text = readFileSync(`${ROOT}${PAGE}`, 'utf8')
const code = filesOf(['.ts'], ['packages', 'services', 'test'])
const sources = code.filter(({ path }) => path.includes('/src/'))

interface Row {
  readonly title: string
  readonly rules: readonly string[]
  readonly sources: readonly string[]
  readonly tests: readonly string[]
  readonly keepers: string
}

/** What stands in backticks and is a path from the root of the repository. */
const pathsIn = (line: string): string[] =>
  [...line.matchAll(/`((?:packages|services|test|docs|\.ci)\/[\w./-]+)`/g)].map(([, path]) => path!)

const rulesIn = (line: string): string[] => [...new Set([...line.matchAll(RULE)].map(([rule]) => rule))]

/** The sections about promises, and about rules. */
const rows = text
  .split(/^#{2,3} /m)
  .filter((section) => /^(Kept by|Named by|Rule): /m.test(section))
  .map((section): Row => {
    const paths = pathsIn(section)
    return {
      title: section.slice(0, section.indexOf('\n')),
      rules: rulesIn(section),
      sources: paths.filter((path) => path.includes('/src/')),
      tests: paths.filter((path) => path.endsWith('.test.ts')),
      keepers: section.slice(section.search(/(Kept|Named) by: /)),
    }
  })
const promises = rows.filter(({ title }) => !/^R\d/.test(title))
const definitions = rows.filter(({ title }) => /^R\d/.test(title))

/** Of these files, those that speak of the rule. */
const naming = (rule: string, paths: readonly string[]): string[] =>
  paths.filter((path) => rulesIn(code.find((file) => file.path === path)?.text ?? '').includes(rule))

test('every file that the promises name is there', () => {
  const paths = pathsIn(text)
  expect(paths.length).toBeGreaterThan(40)
  expect(paths.filter((path) => !existsSync(`${ROOT}${path}`))).toEqual([])
})

test('every promise and every rule names a test', () => {
  expect(promises.length).toBeGreaterThan(10)
  expect(definitions.length).toBeGreaterThan(20)
  expect(rows.filter(({ keepers }) => !keepers.includes('test/')).map(({ title }) => title)).toEqual([])
})

test('every rule that is named anywhere is explained, once', () => {
  const explained = definitions.map(({ title }) => title)
  expect(new Set(explained).size).toBe(explained.length)
  const named = [...code, ...filesOf(['.md'], ['docs'])].filter(({ path }) => path !== PAGE)
  const unknown = named.flatMap((file) =>
    rulesIn(file.text)
      .filter((rule) => !explained.includes(rule))
      .map((rule) => `${rule} in ${file.path}`),
  )
  expect(unknown).toEqual([])
  expect(promises.flatMap(({ rules }) => rules).filter((rule) => !explained.includes(rule))).toEqual([])
})

test('a test that a section names speaks of its rules', () => {
  const silent = rows.flatMap(({ rules, tests }) =>
    rules.filter((rule) => naming(rule, tests).length === 0).map((rule) => `${rule}: ${tests.join(', ')}`),
  )
  expect(silent).toEqual([])
})

test('where sources speak of a rule, a section points to one of them', () => {
  const spokenOf = new Set(sources.flatMap((file) => rulesIn(file.text)))
  const silent = rows.flatMap((row) =>
    row.rules
      .filter((rule) => spokenOf.has(rule) && naming(rule, row.sources).length === 0)
      .map((rule) => `${rule}: ${row.sources.join(', ')}`),
  )
  expect(silent).toEqual([])
})
