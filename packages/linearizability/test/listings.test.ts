import { expect, test } from 'vitest'
import { checkHistory } from '../src/index.ts'
import {
  found,
  historyOf,
  list,
  names,
  ok,
  put,
  read,
  remove,
  rename,
  type Row,
  timeout,
} from './write-history.ts'

const CREATED: Row = [0, 1, put('/d/a', 'v1'), ok(201)]

const WRONG: readonly (readonly [string, string, readonly Row[]])[] = [
  [
    'lacks a file that was read before',
    '/d/a',
    [
      [0, 9, put('/d/a', 'v1'), ok(201)],
      [2, 3, read('/d/a'), found('v1')],
      [4, 5, list('/d/'), names()],
    ],
  ],
  [
    'lacks a file that was renamed into the directory',
    '/d/b',
    [CREATED, [2, 3, rename('/d/a', '/d/b'), ok(204)], [4, 5, list('/d/'), names()]],
  ],
  [
    'still has the old name of a renamed file',
    '/d/a',
    [CREATED, [2, 3, rename('/d/a', '/d/b'), ok(204)], [4, 5, list('/d/'), names('/d/a', '/d/b')]],
  ],
  [
    'still has a deleted file',
    '/d/a',
    [CREATED, [2, 3, remove('/d/a'), ok(204)], [4, 5, list('/d/'), names('/d/a')]],
  ],
  [
    'has a file before it was written',
    '/d/a',
    [
      [0, 1, list('/d/'), names('/d/a')],
      [2, 3, put('/d/a', 'v1'), ok(201)],
    ],
  ],
  ['has a file that nobody ever wrote', '/d/x', [CREATED, [2, 3, list('/d/'), names('/d/a', '/d/x')]]],
  [
    'has a file of another directory',
    '/e/a',
    [
      [0, 1, put('/e/a', 'v1'), ok(201)],
      [2, 3, list('/d/'), names('/e/a')],
    ],
  ],
  ['has a file twice, as when pages overlap', '/d/a', [CREATED, [2, 3, list('/d/'), names('/d/a', '/d/a')]]],
  [
    'lacks a file though its only delete came later',
    '/d/a',
    [CREATED, [2, 3, list('/d/'), names()], [4, 5, remove('/d/a'), ok(204)]],
  ],
]

test.each(WRONG)('a listing %s', (_bug, name, rows) => {
  const { verdict, violations } = checkHistory(historyOf(...rows))
  expect(verdict).toBe('violation')
  expect(violations.map((violation) => violation.names)).toEqual([[name]])
})

const UNCERTAIN: readonly (readonly [string, readonly Row[]])[] = [
  ['a write is open', [[0, 9, put('/d/a', 'v1'), ok(201)]]],
  ['a write timed out long ago', [[0, 1, put('/d/a', 'v1'), timeout]]],
  ['a delete is open', [CREATED, [2, 9, remove('/d/a'), ok(204)]]],
  ['a delete timed out long ago', [CREATED, [2, 3, remove('/d/a'), timeout]]],
  ['a rename away is open', [CREATED, [2, 9, rename('/d/a', '/x'), ok(204)]]],
  [
    'a write and a delete overlapped',
    [
      [0, 3, put('/d/a', 'v1'), ok(201)],
      [0, 3, remove('/d/a'), timeout],
    ],
  ],
]

test.each(UNCERTAIN)('a listing may have a name or not if %s', (_reason, rows) => {
  for (const listed of [names('/d/a'), names()]) {
    const { violations } = checkHistory(historyOf(...rows, [5, 6, list('/d/'), listed]))
    expect(violations).toEqual([])
  }
})
