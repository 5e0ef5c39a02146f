import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkHistory, type HistoryEntry } from '../src/index.ts'
import { isLinearizable } from './brute-force.ts'
import { arbitraryHistory, falsifiedHistory, lawfulHistory, registerOperation } from './generate.ts'

/** Compares the two judges and returns how often they said yes and no, so that a test can show that it saw both. */
function compare(
  histories: fc.Arbitrary<HistoryEntry[]>,
  numRuns: number,
): { legal: number; illegal: number } {
  const seen = { legal: 0, illegal: 0 }
  fc.assert(
    fc.property(histories, (history) => {
      const expected = isLinearizable(history)
      seen[expected ? 'legal' : 'illegal'] += 1
      expect(checkHistory(history).verdict).toBe(expected ? 'linearizable' : 'violation')
    }),
    { numRuns },
  )
  return seen
}

test('histories that really happened are linearizable, whatever stayed unknown', () => {
  expect(compare(lawfulHistory(7), 700).illegal).toBe(0)
})

test('with one answer replaced, a history is rejected exactly when no order explains it', () => {
  const { legal, illegal } = compare(falsifiedHistory(7), 1500)
  expect(legal).toBeGreaterThan(150)
  expect(illegal).toBeGreaterThan(150)
})

test('arbitrary answers at arbitrary times are judged as brute force does', () => {
  const { legal, illegal } = compare(arbitraryHistory(5), 1500)
  expect(legal).toBeGreaterThan(50)
  expect(illegal).toBeGreaterThan(150)
})

test('reads and writes of one name, where most shortcuts are taken, are judged as brute force does', () => {
  const falsified = compare(falsifiedHistory(7, registerOperation), 1500)
  expect(falsified.legal).toBeGreaterThan(150)
  expect(falsified.illegal).toBeGreaterThan(150)
  const arbitrary = compare(arbitraryHistory(6, registerOperation), 1500)
  expect(arbitrary.legal).toBeGreaterThan(50)
  expect(arbitrary.illegal).toBeGreaterThan(150)
})
