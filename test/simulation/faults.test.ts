/**
 * The real services under drawn faults: whatever happens, every acknowledged write can be read exactly through every chunk
 * server, what was deleted stays deleted, and what was unknown is either old or new. More seeds: `DFS_SEEDS=1000`; one seed
 * again: `DFS_SEED=…`.
 */
import { expect, test } from 'vitest'
import { runWithFaults } from './faults/faulty-run.ts'

const SEEDS = 8
const seeds =
  process.env['DFS_SEED'] === undefined
    ? Array.from({ length: Number(process.env['DFS_SEEDS'] ?? SEEDS) }, (_, index) => `faults ${index}`)
    : [process.env['DFS_SEED']]

const repeat = (seed: string): string =>
  `DFS_SEED='${seed}' npx vitest run --project simulation test/simulation/faults.test.ts`

test.each(seeds)('no promise is broken under the faults of seed "%s"', async (seed) => {
  try {
    const { acknowledgedWritesCount } = await runWithFaults({ seed })
    expect(acknowledgedWritesCount, 'the run did something').toBeGreaterThan(5)
  } catch (error) {
    throw new Error(`seed "${seed}" failed; repeat it with\n  ${repeat(seed)}`, { cause: error })
  }
})

test('the same seed gives the same trace, faults included', async () => {
  const first = await runWithFaults({ seed: 'same' })
  expect(await runWithFaults({ seed: 'same' })).toEqual(first)
})
