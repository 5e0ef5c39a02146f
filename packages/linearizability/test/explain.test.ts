import { expect, test } from 'vitest'
import { checkHistory } from '../src/index.ts'
import { found, historyOf, ok, put, read, remove, rename } from './write-history.ts'
import { runWorkload, withStaleRead } from './workload.ts'

test('a violation is shown from the last quiet moment, without the reads that do not matter', () => {
  const history = historyOf(
    [0, 1, put('/a', 'v1'), ok(201)],
    [2, 3, put('/a', 'v2'), ok(200)],
    [4, 12, put('/a', 'v3'), ok(200)],
    [5, 6, read('/a'), found('v2')],
    [7, 8, read('/a'), found('v3')],
    [9, 10, read('/a'), found('v2')],
    [11, 13, remove('/a'), ok(204)],
    [14, 15, read('/other'), ok(404)],
  )
  const { violations } = checkHistory(history)
  expect(violations.map(({ explanation }) => explanation)).toEqual([
    [
      'No order of these operations explains all answers (/a).',
      'Before them: /a is v2',
      '  c2  |--------------|     #2 put /a v3 -> 200',
      '  c4     |--|              #4 read /a -> 200 v3',
      '  c5           |--|        #5 read /a -> 200 v2   <- nothing explains this',
    ].join('\n'),
  ])
  expect(violations[0]).toMatchObject({ names: ['/a'], atMs: 10, entries: [2, 4, 5] })
})

test('names joined by renames are one component, others are not', () => {
  const history = historyOf(
    [0, 1, put('/a', 'v1'), ok(201)],
    [2, 3, rename('/a', '/b'), ok(204)],
    [4, 5, rename('/b', '/c'), ok(204)],
    [6, 7, read('/a'), found('v1')],
    [6, 7, read('/d'), ok(404)],
  )
  const { componentCount, violations } = checkHistory(history)
  expect(componentCount).toBe(2)
  expect(violations[0]).toMatchObject({ names: ['/a', '/b', '/c'], entries: [3] })
  expect(violations[0]?.explanation).toContain('Before them: /c is v1')
})

test('in a busy history the window stays small enough to read', () => {
  const history = withStaleRead(runWorkload({ seed: 7, operations: 1_000, clients: 8, names: 1 }))
  const { violations } = checkHistory(history)
  expect(violations).toHaveLength(1)
  expect(violations[0]?.entries.length).toBeLessThanOrEqual(24)
  expect(violations[0]?.explanation).toContain('nothing explains this')
})

test('if much stayed unknown, the drawing is cut and says so', () => {
  const workload = {
    seed: 4,
    operations: 500,
    clients: 8,
    names: 8,
    renamesPerMille: 50,
    unknownPerMille: 20,
  }
  const { violations } = checkHistory(withStaleRead(runWorkload(workload)))
  const lines = violations[0]?.explanation.split('\n') ?? []
  expect(lines.length).toBeLessThanOrEqual(43)
  expect(lines.filter((line) => line.endsWith('nothing explains this'))).toHaveLength(1)
})

test('violations of several components come by time', () => {
  const history = historyOf(
    [0, 9, read('/a'), found('nobody-wrote-this')],
    [2, 3, read('/b'), found('nor-this')],
  )
  expect(checkHistory(history).violations.map(({ names }) => names)).toEqual([['/b'], ['/a']])
})
