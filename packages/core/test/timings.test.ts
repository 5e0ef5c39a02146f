import { DURATION_BOUNDS_S, Timings } from '@dfs/core'
import { expect, test } from 'vitest'

test('each kind that was asked for has a distribution for each way in which it ended', () => {
  const timings = new Timings()
  expect([...timings]).toEqual([])
  timings.note('read', 'ok', 0.002)
  timings.note('read', 'ok', 30)
  timings.note('read', 'failed', 0)
  timings.note('write', 'ok', 1)
  const seen = Array.from(timings, ([what, outcome, { count, sum }]) => [what, outcome, count, sum])
  expect(seen).toEqual([
    ['read', 'ok', 2, 30.002],
    ['read', 'failed', 1, 0],
    ['write', 'ok', 1, 1],
  ])
  expect([...timings][0]![2].bounds).toBe(DURATION_BOUNDS_S)
})
