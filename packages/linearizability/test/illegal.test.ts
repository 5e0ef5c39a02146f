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

/** Each history is what clients see when a storage system has the bug that it is named after. */
const BUGS: readonly (readonly [string, readonly Row[]])[] = [
  [
    'stale read: an old version after a newer one was acknowledged',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 3, put('/a', 'v2'), ok(200)],
      [4, 5, read('/a'), found('v1')],
    ],
  ],
  [
    'lost update: an acknowledged write never shows',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 3, read('/a'), ok(404)],
    ],
  ],
  [
    'lost update: two writers both replace the same version',
    [
      [0, 1, put('/a', 'v1'), ok(201, { etag: '"1"' })],
      [2, 5, put('/a', 'v2', '"1"'), ok(200)],
      [2, 5, put('/a', 'v3', '"1"'), ok(200)],
    ],
  ],
  [
    'resurrected delete: a file comes back with a server that was away',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 3, remove('/a'), ok(204)],
      [4, 5, read('/a'), ok(404)],
      [6, 7, read('/a'), found('v1')],
    ],
  ],
  [
    'resurrected delete: seen through the status of the next write',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 3, remove('/a'), ok(204)],
      [4, 5, put('/a', 'v2'), ok(200)],
    ],
  ],
  [
    'half rename: the file stands under both names',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 3, rename('/a', '/b'), ok(204)],
      [4, 5, read('/b'), found('v1')],
      [6, 7, read('/a'), found('v1')],
    ],
  ],
  [
    'half rename: the file stands under no name',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 9, rename('/a', '/b'), ok(204)],
      [3, 4, read('/a'), ok(404)],
      [5, 6, read('/b'), ok(404)],
    ],
  ],
  [
    'half rename: back and forth within one rename',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 9, rename('/a', '/b'), ok(204)],
      [3, 4, read('/b'), found('v1')],
      [5, 6, read('/a'), found('v1')],
    ],
  ],
  [
    'rename that does not replace its target',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [0, 1, put('/b', 'v2'), ok(201)],
      [2, 3, rename('/a', '/b'), ok(204)],
      [4, 5, read('/b'), found('v2')],
    ],
  ],
  ['rename that succeeds without a source', [[0, 1, rename('/a', '/b'), ok(204)]]],
  [
    'read of a value that was never written',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 3, read('/a'), found('v9')],
    ],
  ],
  [
    'read from the future: a value before its write was called',
    [
      [0, 1, read('/a'), found('v1')],
      [2, 3, put('/a', 'v1'), ok(201)],
    ],
  ],
  [
    'mixed-up names: a read finds the content of another file',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [0, 1, put('/b', 'v2'), ok(201)],
      [2, 3, read('/a'), found('v2')],
    ],
  ],
  [
    'duplicate effect of a retried conditional put: the first attempt wrote, the second reports 412',
    [
      [0, 5, putNew('/a', 'v1'), ok(412)],
      [6, 7, read('/a'), found('v1')],
    ],
  ],
  [
    'duplicate effect of a retried put: it overwrites what came in between',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 3, put('/a', 'v2'), ok(200)],
      [4, 5, read('/a'), found('v2')],
      [6, 7, read('/a'), found('v1')],
    ],
  ],
  [
    'duplicate effect of a retried put: one write has two versions',
    [
      [0, 1, put('/a', 'v1'), ok(201, { etag: '"1"' })],
      [2, 3, read('/a'), ok(200, { value: 'v1', etag: '"2"' })],
    ],
  ],
  [
    'version reused: one entity tag names two contents',
    [
      [0, 1, put('/a', 'v1'), ok(201, { etag: '"1"' })],
      [2, 3, put('/a', 'v2'), ok(200, { etag: '"1"' })],
    ],
  ],
  [
    'flickering read: new, then old again while the write is still open',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 9, put('/a', 'v2'), ok(200)],
      [3, 4, read('/a'), found('v2')],
      [5, 6, read('/a'), found('v1')],
    ],
  ],
  [
    'two readers disagree about the order of two writes',
    [
      [0, 20, put('/a', 'v1'), ok(204)],
      [0, 20, put('/a', 'v2'), ok(204)],
      [1, 2, read('/a'), found('v1')],
      [3, 4, read('/a'), found('v2')],
      [5, 6, read('/a'), found('v1')],
    ],
  ],
  [
    'two exclusive creates both win',
    [
      [0, 3, create('/a', 'v1'), ok(201)],
      [1, 4, create('/a', 'v2'), ok(201)],
    ],
  ],
  ['exclusive create fails although there is no file', [[0, 1, create('/a', 'v1'), ok(409)]]],
  [
    'create that answers 409 and truncates the file',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 3, create('/a', 'v2'), ok(409)],
      [4, 5, read('/a'), found('v2')],
    ],
  ],
  [
    'precondition checked against a stale version',
    [
      [0, 1, put('/a', 'v1'), ok(201, { etag: '"1"' })],
      [2, 3, put('/a', 'v2'), ok(200, { etag: '"2"' })],
      [4, 5, put('/a', 'v3', '"1"'), ok(200)],
    ],
  ],
  [
    'precondition fails although the version is current',
    [
      [0, 1, put('/a', 'v1'), ok(201, { etag: '"1"' })],
      [2, 3, remove('/a', '"1"'), ok(412)],
    ],
  ],
  [
    'conditional delete removes a newer version',
    [
      [0, 1, put('/a', 'v1'), ok(201, { etag: '"1"' })],
      [2, 3, put('/a', 'v2'), ok(200, { etag: '"2"' })],
      [4, 5, remove('/a', '"1"'), ok(204)],
    ],
  ],
  ['if-match creates a file that is not there', [[0, 1, put('/a', 'v1', '*'), ok(201)]]],
  [
    'dishonest error: a refused write took effect',
    [
      [0, 1, put('/a', 'v1'), refused],
      [2, 3, read('/a'), found('v1')],
    ],
  ],
  [
    'write of unknown outcome takes effect twice',
    [
      [0, 1, put('/a', 'v1'), timeout],
      [2, 3, read('/a'), found('v1')],
      [4, 5, put('/a', 'v2'), ok(200)],
      [6, 7, read('/a'), found('v1')],
    ],
  ],
  [
    'write of unknown outcome is seen, then was never there',
    [
      [0, null, put('/a', 'v1'), timeout],
      [2, 3, read('/a'), found('v1')],
      [4, 5, read('/a'), ok(404)],
    ],
  ],
  [
    'delete of unknown outcome cannot remove two files',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 3, remove('/a'), timeout],
      [4, 5, read('/a'), ok(404)],
      [6, 7, put('/a', 'v2'), ok(201)],
      [8, 9, read('/a'), ok(404)],
    ],
  ],
  [
    'delete that two callers both did',
    [
      [0, 1, put('/a', 'v1'), ok(201)],
      [2, 5, remove('/a'), ok(204)],
      [3, 6, remove('/a'), ok(204)],
    ],
  ],
  [
    'listing lacks a file that was there all the time',
    [
      [0, 1, put('/d/a', 'v1'), ok(201)],
      [2, 3, list('/d/'), names()],
    ],
  ],
]

test.each(BUGS)('%s', (_bug, rows) => {
  const result = checkHistory(historyOf(...rows))
  expect(result.verdict).toBe('violation')
  expect(result.violations).not.toEqual([])
})
