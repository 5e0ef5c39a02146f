import { expect, test } from 'vitest'
import { checkHistory } from '../src/index.ts'
import { runWorkload, type Workload, withStaleRead } from './workload.ts'

/** Steps, not seconds: the same on every machine. The bounds are a few times what is needed today. */
const WORKLOADS: readonly (readonly [string, Workload, { lawful: number; stale: number }])[] = [
  [
    '10,000 operations on 50 names',
    { seed: 1, operations: 10_000, clients: 16, names: 50 },
    { lawful: 20_000, stale: 20_000 },
  ],
  [
    '10,000 operations on 50 names, 1 % of unknown outcome',
    { seed: 2, operations: 10_000, clients: 16, names: 50, unknownPerMille: 10 },
    { lawful: 20_000, stale: 20_000 },
  ],
  [
    '1,000 operations on one name',
    { seed: 3, operations: 1_000, clients: 8, names: 1 },
    { lawful: 20_000, stale: 20_000 },
  ],
  [
    '600 operations on 8 names with renames, 2 % of unknown outcome',
    { seed: 4, operations: 600, clients: 8, names: 8, renamesPerMille: 50, unknownPerMille: 20 },
    { lawful: 20_000, stale: 100_000 },
  ],
  [
    '5,000 operations on 10 names with renames',
    { seed: 5, operations: 5_000, clients: 5, names: 10, renamesPerMille: 50 },
    { lawful: 20_000, stale: 50_000 },
  ],
  [
    '2,000 slow reads and writes of one name by 64 clients',
    { seed: 7, operations: 2_000, clients: 64, names: 1, isRegister: true, slownessMs: 200 },
    { lawful: 20_000, stale: 50_000 },
  ],
]

test.each(WORKLOADS)('%s are decided', (_title, workload, most) => {
  const history = runWorkload(workload)
  const lawful = checkHistory(history)
  expect(lawful.violations.map(({ explanation }) => explanation)).toEqual([])
  expect(lawful.verdict).toBe('linearizable')
  expect(lawful.steps).toBeLessThan(most.lawful)

  const stale = checkHistory(withStaleRead(history))
  expect(stale.verdict).toBe('violation')
  expect(stale.steps).toBeLessThan(most.stale)
})

test('a budget that is too small gives no verdict, and names what is left open', () => {
  const history = runWorkload({ seed: 6, operations: 100, clients: 8, names: 2 })
  const result = checkHistory(history, { stepsMax: 5 })
  expect(result.verdict).toBe('undecided')
  expect(result.undecided).toEqual([['/n0'], ['/n1']])
  expect(result.steps).toBe(5)
})
