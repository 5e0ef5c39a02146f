/** Every planted bug can still be planted: whoever changes such a source takes the bug along. */
import { expect, test } from 'vitest'
import { PLANTED_BUGS, whyNotPlantable } from '../planted/planted-bugs.ts'
import { filesOf } from './repository.ts'

const textOf = (path: string): string => filesOf([path]).find((file) => file.path === path)?.text ?? ''

test('the old text of every planted bug occurs once in its file', () => {
  expect(PLANTED_BUGS.flatMap((bug) => whyNotPlantable(bug, textOf(bug.file)) ?? [])).toEqual([])
})

test('there are enough of them, each with a name of its own and a test that exists', () => {
  expect(PLANTED_BUGS.length).toBeGreaterThanOrEqual(15)
  expect(new Set(PLANTED_BUGS.map(({ name }) => name)).size).toBe(PLANTED_BUGS.length)
  const named = PLANTED_BUGS.flatMap((bug) => bug.test ?? [])
  expect(named.filter((path) => textOf(path) === '')).toEqual([])
})

/** The rows of the table in docs/simulation.md: name, promise, and what has found it. */
function rowsOfReport(): readonly string[][] {
  const [, section = ''] = textOf('docs/simulation.md').split('\n## Planted bugs\n')
  const [, , ...rows] = section
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('|'))
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

test('the report of the documentation has every planted bug, each with its promise, and no other', () => {
  const reported = rowsOfReport().map(([name, promise]) => `${name}: ${promise}`)
  expect(reported.toSorted()).toEqual(
    PLANTED_BUGS.map(({ name, promise }) => `${name}: ${promise}`).toSorted(),
  )
})

test('the report says of every bug that names a test that this test has found it', () => {
  const foundBy = new Map(rowsOfReport().map(([name, , by]) => [name, by]))
  const otherwise = PLANTED_BUGS.filter(
    ({ name, test: path }) => path !== undefined && foundBy.get(name) !== `\`${path}\``,
  )
  expect(otherwise.map(({ name }) => name)).toEqual([])
})
