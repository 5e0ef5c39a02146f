import { BATCH_BOUNDS, Distribution, DURATION_BOUNDS_S, InvariantError } from '@dfs/core'
import { expect, test } from 'vitest'

test('a value counts in the first range that it does not exceed', () => {
  const sizes = new Distribution([1, 4, 16])
  for (const value of [0, 1, 2, 4, 5, 16, 17, 1000]) sizes.note(value)
  expect([...sizes.counts]).toEqual([2, 2, 2, 2])
  expect([sizes.count, sizes.sum]).toEqual([8, 1045])
})

test('bounds rise, and there is one', () => {
  for (const bounds of [[], [1, 1], [2, 1]]) expect(() => new Distribution(bounds)).toThrow(InvariantError)
  for (const bounds of [BATCH_BOUNDS, DURATION_BOUNDS_S]) expect(new Distribution(bounds).count).toBe(0)
})
