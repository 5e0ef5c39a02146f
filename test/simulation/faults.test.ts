/**
 * The real services under drawn faults: whatever happens, no promise is broken (docs/simulation.md). A handful of seeds, chosen
 * so that every kind of fault happens in them; more, and one again, with `npm run simulate`.
 */
import { expect, test } from 'vitest'
import { FAULT_KINDS } from './faults/draw-plan.ts'
import { assertExercised, planSeed, runSeed } from './run/run-seed.ts'

const seeds = [1, 30, 47, 58, 98, 108, 153, 175, 178, 187, 643, 662].map((number) => `faults ${number}`)
/** So that a kind which finds nothing to harm in one run does so in another. */
const DRAWN_LEAST = 4

const happened = new Set<string>()
let heldPieces = 0
const copies = new Map<string, number>()

test.each(seeds)('no promise is broken under the faults of seed "%s"', async (seed) => {
  const exercised = runSeed(seed).then((report) => {
    assertExercised(report)
    for (const kind of Object.keys(report.faults)) happened.add(kind)
    heldPieces += report.heldPieces
    for (const [name, count] of Object.entries(report.copies))
      copies.set(name, (copies.get(name) ?? 0) + count)
  })
  await expect(exercised, `repeat it with: npm run simulate -- --seed '${seed}'`).resolves.toBeUndefined()
})

/** Whoever adds a kind, or changes how faults are drawn, chooses other seeds. */
test.each(FAULT_KINDS)('these seeds have met the fault "%s"', (kind) => {
  const drawn = seeds.flatMap((seed) => planSeed(seed).faults).filter((fault) => fault.kind === kind)
  expect(drawn.length, 'drawn').toBeGreaterThanOrEqual(DRAWN_LEAST)
  expect(happened, 'happened').toContain(kind)
})

test('these seeds have had readers that were slow to take pieces in pooled buffers', () => {
  expect(heldPieces).toBeGreaterThan(20)
})

test('in these seeds copies were made again, cancelled and let go', () => {
  expect(['made', 'cancelled', 'released'].filter((name) => !copies.get(name))).toEqual([])
})

test('the same seed gives the same trace, faults included', async () => {
  const first = await runSeed('same')
  expect(await runSeed('same')).toEqual(first)
})
