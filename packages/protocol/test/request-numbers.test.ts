import { InvariantError } from '@dfs/core'
import { expect, test } from 'vitest'
import { RequestNumbers } from '../src/index.ts'

test('the watermark is the oldest request under way, and the next one if there is none', () => {
  const numbers = new RequestNumbers()
  expect(numbers.watermark).toBe(1)
  expect([numbers.take(), numbers.take(), numbers.take()]).toEqual([1, 2, 3])
  numbers.release(2)
  expect(numbers.watermark).toBe(1)
  numbers.release(1)
  expect(numbers.watermark).toBe(3)
  numbers.release(3)
  expect([numbers.watermark, numbers.take()]).toEqual([4, 4])
})

test('a number is released once', () => {
  const numbers = new RequestNumbers()
  const number = numbers.take()
  numbers.release(number)
  expect(() => numbers.release(number)).toThrow(InvariantError)
  expect(() => numbers.release(number + 1)).toThrow(InvariantError)
})
