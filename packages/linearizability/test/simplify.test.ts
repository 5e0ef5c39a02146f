import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Component, partition } from '../src/components.ts'
import { type HistoryEntry } from '../src/index.ts'
import { interpret } from '../src/interpret.ts'
import { search } from '../src/search.ts'
import { simplify } from '../src/simplify.ts'
import { Versions } from '../src/versions.ts'
import { falsifiedHistory, lawfulHistory } from './generate.ts'
import {
  create,
  found,
  historyOf,
  ok,
  put,
  read,
  remove,
  rename,
  type Row,
  timeout,
} from './write-history.ts'

function componentsOf(history: readonly HistoryEntry[]): Component[] {
  const versions = new Versions(history)
  return partition(history.flatMap((entry, index) => interpret(entry, index, versions) ?? []))
}

const verdictOf = (component: Component) => search(component, { stepsMax: 100_000 }).verdict

test('simplifying never changes the verdict, also of histories too long for brute force', () => {
  const seen = { linearizable: 0, violation: 0, undecided: 0 }
  const property = fc.property(fc.oneof(lawfulHistory(16), falsifiedHistory(16)), (history) => {
    for (const component of componentsOf(history)) {
      const expected = verdictOf(component)
      seen[expected] += 1
      expect(verdictOf(simplify(component))).toBe(expected)
    }
  })
  fc.assert(property, { numRuns: 500 })
  expect(seen.undecided).toBe(0)
  expect(seen.linearizable).toBeGreaterThan(50)
  expect(seen.violation).toBeGreaterThan(50)
})

const CREATED: Row = [0, 1, put('/a', 'v1'), ok(204, { etag: '"1"' })]
const LOST: Row = [2, 3, put('/a', 'lost'), timeout]

/** What comes after a timed-out write that nobody read decides whether it can be forgotten. */
test.each<readonly [string, boolean, readonly Row[]]>([
  ['reads that find something else', true, [[4, 5, read('/a'), found('v1')]]],
  ['a put that does not say whether it replaced', true, [[4, 5, put('/a', 'v2'), ok(204)]]],
  ['a file moved onto it', true, [[4, 5, rename('/b', '/a'), timeout]]],
  ['a delete that timed out too', true, [[4, 5, remove('/a'), timeout]]],
  ['an answer that came before it', true, [[0, 1, create('/a', 'v2'), ok(409)]]],
  ['a create that finds a file', false, [[4, 5, create('/a', 'v2'), ok(409)]]],
  ['a put that says it replaced', false, [[4, 5, put('/a', 'v2'), ok(200)]]],
  ['a delete that found a file', false, [[4, 5, remove('/a'), ok(204)]]],
  ['a precondition that fails', false, [[4, 5, put('/a', 'v2', '"1"'), ok(412)]]],
  ['a rename that may carry it away', false, [[4, 5, rename('/a', '/b'), timeout]]],
  ['an answer that overlaps it', false, [[0, 3, create('/a', 'v2'), ok(409)]]],
])('after %s: forgotten %s', (_what, isForgotten, rows) => {
  const operations = componentsOf(historyOf(CREATED, LOST, ...rows)).flatMap(
    (component) => simplify(component).operations,
  )
  expect(operations.some(({ index }) => index === 1)).toBe(!isForgotten)
})

test('a timed-out write that was read returned before that read did', () => {
  const [component] = componentsOf(
    historyOf(CREATED, LOST, [9, 10, read('/a'), found('lost')], [5, 7, read('/a'), found('lost')]),
  )
  const resolved = component && simplify(component).operations.find(({ index }) => index === 1)
  expect(resolved?.returnMs).toBe(7)
})
