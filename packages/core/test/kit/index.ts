/** Stand-ins for the seams, for the tests of every package: `@dfs/core/testing`. Sources cannot import them. */
export { ManualClock, type ManualClockOptions } from './manual-clock.ts'
export { seededRandom } from './seeded-random.ts'
