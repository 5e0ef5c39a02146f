/**
 * The real services under drawn faults: whatever happens, no promise is broken (docs/simulation.md). A handful of seeds; more,
 * and one again, with `npm run simulate`.
 */
import { expect, test } from 'vitest'
import { assertExercised, runSeed } from './run/run-seed.ts'

const SEEDS = 8
const seeds = Array.from({ length: SEEDS }, (_, index) => `faults ${index}`)

test.each(seeds)('no promise is broken under the faults of seed "%s"', async (seed) => {
  const exercised = runSeed(seed).then(assertExercised)
  await expect(exercised, `repeat it with: npm run simulate -- --seed '${seed}'`).resolves.toBeUndefined()
})

test('the same seed gives the same trace, faults included', async () => {
  const first = await runSeed('same')
  expect(await runSeed('same')).toEqual(first)
})
