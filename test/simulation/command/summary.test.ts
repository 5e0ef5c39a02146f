/** Many runs that together have not met every kind of fault do not count as a success, nor does no run at all. */
import { expect, test } from 'vitest'
import { FAULT_KINDS } from '../faults/draw-plan.ts'
import { type RunReport } from '../run/report.ts'
import { Summary } from './summary.ts'

const COPIES = {
  made: 1,
  resumed: 1,
  ordersRepeated: 1,
  cancelled: 1,
  failed: 1,
  incomplete: 1,
  released: 1,
  wrongAtSources: 1,
  mended: 1,
}
const COUNTS = { heldPieces: 1, deletions: 1, drops: 1, turnedUp: 1, copies: COPIES }

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

test.each([
  ['made', 'no copy was made again'],
  ['resumed', 'no copy was gone on with'],
  ['ordersRepeated', 'no start of the master has repeated'],
  ['cancelled', 'was cancelled'],
  ['failed', 'no server has given up a copy'],
  ['incomplete', 'for which something was found nowhere'],
  ['released', 'no copy was let go'],
  ['wrongAtSources', 'wrong where it came from'],
  ['mended', 'no copy was mended'],
])('asks for copies that were %s', (name, why) => {
  const copies = { ...COPIES, [name]: 0 }
  expect(summaryOf(100, FAULT_KINDS, { ...COUNTS, copies }).whyTooLittle()).toContain(why)
})

test('asks for every kind in many seeds only', () => {
  expect(summaryOf(100, FAULT_KINDS).whyTooLittle()).toBeNull()
  expect(summaryOf(99, ['crash']).whyTooLittle()).toBeNull()
})
