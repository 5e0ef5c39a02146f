/** Many runs that together have not met every kind of fault do not count as a success, nor does no run at all. */
import { expect, test } from 'vitest'
import { FAULT_KINDS } from '../faults/draw-plan.ts'
import { type RunReport } from '../run/report.ts'
import { Summary } from './summary.ts'

const COUNTS = { heldPieces: 1, deletions: 1, drops: 1, turnedUp: 1 }

function summaryOf(seeds: number, kinds: readonly string[], counts = COUNTS): Summary {
  const summary = new Summary()
  for (let index = 0; index < seeds; index += 1) {
    // Each run has met one kind only.
    const kind = kinds[index % kinds.length]!
    summary.add({ seed: String(index), faults: { [kind]: 1 }, ...counts } as unknown as RunReport)
  }
  return summary
}

test('no seed at all proves nothing', () => {
  expect(new Summary().whyTooLittle()).toBe('no seed was run')
})

test.each(FAULT_KINDS)('names "%s" where it has not happened in a hundred seeds', (kind) => {
  const others = FAULT_KINDS.filter((other) => other !== kind)
  expect(summaryOf(100, others).whyTooLittle()).toMatch(new RegExp(`never happened: ${kind}$`))
})

test.each([
  ['heldPieces', 'no client was slow'],
  ['deletions', 'no volume was deleted'],
  ['drops', 'no copy was dropped'],
  ['turnedUp', 'no copy of a deleted volume has turned up'],
])('asks for %s', (name, why) => {
  expect(summaryOf(100, FAULT_KINDS, { ...COUNTS, [name]: 0 }).whyTooLittle()).toContain(why)
})

test('asks for every kind in many seeds only', () => {
  expect(summaryOf(100, FAULT_KINDS).whyTooLittle()).toBeNull()
  expect(summaryOf(99, ['crash']).whyTooLittle()).toBeNull()
})
