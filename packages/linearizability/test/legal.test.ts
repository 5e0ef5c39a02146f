import { expect, test } from 'vitest'
import { checkHistory } from '../src/index.ts'
import {
  create,
  found,
  historyOf,
  list,
  names,
  ok,
  put,
  putNew,
  read,
  refused,
  remove,
  rename,
  type Row,
  timeout,
} from './write-history.ts'

/** Each history looks suspicious and is not: a checker that refuses it would accuse a right system. */
const LAWFUL: readonly (readonly [string, readonly Row[]])[] = [
  ['nothing happened', []],
  [
    'a read during a write may find the old or the new version',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 9, put('/a', 'v2'), ok(200)],
      [3, 4, read('/a'), found('v1')],
      [5, 6, read('/a'), found('v2')],
    ],
  ],
  [
    'overlapping writes settle in either order',
    [
      [0, 9, put('/a', 'v1'), ok(200)],
      [1, 8, put('/a', 'v2'), ok(201)],
      [10, 11, read('/a'), found('v1')],
    ],
  ],
  [
    'a timed-out write shows long after',
    [
      [0, 1, put('/a', 'v1'), timeout],
      [2, 3, read('/a'), ok(404)],
      [50, 51, read('/a'), found('v1')],
    ],
  ],
  [
    'a timed-out write never shows',
    [
      [0, 1, put('/a', 'v1'), timeout],
      [2, 3, read('/a'), ok(404)],
    ],
  ],
  [
    'a timed-out write that nobody read made the file exist',
    [
      [0, 1, put('/a', 'v1'), timeout],
      [2, 3, create('/a', 'v2'), ok(409)],
    ],
  ],
  [
    'a timed-out write that nobody read was deleted',
    [
      [0, 1, put('/a', 'v1'), timeout],
      [2, 3, remove('/a'), ok(204)],
      [4, 5, read('/a'), ok(404)],
    ],
  ],
  [
    'a timed-out write that nobody read made a precondition fail',
    [
      [0, 1, put('/a', 'v1'), ok(201, { etag: '"1"' })],
      [2, 3, put('/a', 'v2'), timeout],
      [4, 5, put('/a', 'v3', '"1"'), ok(412)],
      [6, 7, put('/a', 'v4'), ok(200)],
    ],
  ],
  [
    'a timed-out write that nobody read was moved away',
    [
      [0, 1, put('/a', 'v1'), timeout],
      [2, 3, rename('/a', '/b'), ok(204)],
      [4, 5, putNew('/b', 'v2'), ok(412)],
    ],
  ],
  [
    'a timed-out delete takes effect between two reads',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 3, remove('/a'), timeout],
      [4, 5, read('/a'), found('v1')],
      [6, 7, read('/a'), ok(404)],
    ],
  ],
  [
    'a timed-out rename that replaced its target',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [0, 1, put('/b', 'v2'), ok(201)],
      [2, 3, rename('/a', '/b'), timeout],
      [4, 5, read('/b'), found('v2')],
      [6, 7, read('/b'), found('v1')],
      [8, 9, read('/a'), ok(404)],
    ],
  ],
  [
    'two timed-out conditional writes in a chain',
    [
      [0, 1, put('/a', 'v1'), ok(201, { etag: '"1"' })],
      [2, 3, put('/a', 'v2', '"1"'), timeout],
      [4, 5, read('/a'), ok(200, { value: 'v2', etag: '"2"' })],
      [6, 7, put('/a', 'v3', '"2"'), timeout],
      [8, 9, read('/a'), found('v3')],
    ],
  ],
  [
    'of two writers with one precondition the later one fails',
    [
      [0, 1, put('/a', 'v1'), ok(201, { etag: '"1"' })],
      [2, 9, put('/a', 'v2', '"1"'), ok(412)],
      [3, 8, put('/a', 'v3', '"1"'), ok(200)],
    ],
  ],
  [
    'a failed precondition names the current version, not one that it wrote',
    [
      [0, 1, put('/a', 'v1'), ok(201, { etag: '"1"' })],
      [2, 3, put('/a', 'v2', '"0"'), ok(412, { etag: '"1"' })],
      [4, 5, read('/a'), ok(200, { value: 'v1', etag: '"1"' })],
    ],
  ],
  [
    'a file keeps its version through a rename',
    [
      [0, 1, put('/a', 'v1'), ok(201, { etag: '"1"' })],
      [2, 3, rename('/a', '/b'), ok(204)],
      [4, 5, put('/b', 'v2', '"1"'), ok(200)],
    ],
  ],
  [
    'renames in a ring, all overlapping',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 9, rename('/a', '/b'), ok(204)],
      [2, 9, rename('/b', '/c'), ok(204)],
      [2, 9, rename('/c', '/a'), ok(204)],
      [10, 11, read('/a'), found('v1')],
    ],
  ],
  [
    'a rename onto itself changes nothing',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 3, rename('/a', '/a'), ok(204)],
      [4, 5, read('/a'), found('v1')],
    ],
  ],
  [
    'a refused write leaves no trace',
    [
      [0, 1, put('/a', 'v1'), refused],
      [2, 3, read('/a'), ok(404)],
    ],
  ],
  [
    'equal times overlap',
    [
      [0, 1, read('/a'), found('v1')],
      [1, 2, put('/a', 'v1'), ok(201)],
    ],
  ],
  [
    'an empty file is known by its entity tag alone',
    [
      [0, 1, create('/a', 'empty-1'), ok(201, { etag: '"1"' })],
      [2, 3, read('/a'), ok(200, { etag: '"1"' })],
    ],
  ],
  [
    'an empty file made by a timed-out create has a tag that nobody was told',
    [
      [0, 1, create('/a', 'empty-1'), timeout],
      [2, 3, read('/a'), ok(200, { etag: '"7"' })],
      [4, 5, put('/a', 'v2', '"7"'), ok(200)],
    ],
  ],
  [
    'a conditional delete of a missing file answers 412 or 404',
    [
      [0, 1, remove('/a', '"1"'), ok(412)],
      [2, 3, remove('/a', '"1"'), ok(404)],
    ],
  ],
  [
    'a put that does not say whether it created',
    [
      [0, 1, put('/a', 'v1'), ok(204)],
      [2, 3, put('/a', 'v2'), ok(204)],
      [4, 5, read('/a'), found('v2')],
    ],
  ],
  [
    'an operation without an end, and one that never began to matter',
    [
      [0, null, read('/a'), timeout],
      [1, null, put('/a', 'v1'), timeout],
    ],
  ],
  [
    'a listing during a write may show the file or not',
    [
      [0, 9, put('/d/a', 'v1'), ok(201)],
      [2, 3, list('/d/'), names()],
      [4, 5, list('/d/'), names('/d/a')],
    ],
  ],
]

test.each(LAWFUL)('%s', (_reason, rows) => {
  const result = checkHistory(historyOf(...rows))
  expect(result.violations.map(({ explanation }) => explanation)).toEqual([])
  expect(result.verdict).toBe('linearizable')
})
