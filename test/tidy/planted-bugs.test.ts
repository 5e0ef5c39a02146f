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
