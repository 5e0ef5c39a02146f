/**
 * A crash at every single disk operation of a short write, a long one, the volumes made and sealed on the way, and a restart.
 * Whatever was acknowledged is there afterwards, what was not is there as a whole or not at all, and the cluster goes on.
 *
 * That is minutes of work, which the CI does (DFS_CRASH_POINTS=all); `npm run test:slow` takes a few operations of each kind, the first
 * and the last among them.
 */
import { KIB } from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { type CrashPoint, runWithCrash, type Scenario } from './crash-points.ts'

const content = (size: number, seed: number): Uint8Array =>
  new Uint8Array(size).map((_, at) => Math.imul(at + seed, 2654435761) >>> 24)

type Crash = Omit<CrashPoint, 'operation'>

const ALL: Crash = { victims: 'all', kind: 'power' }
const PRIMARY: Crash = { victims: 'primary', kind: 'power' }
const REPLICA: Crash = { victims: 'replica', kind: 'power' }

interface Case extends Scenario {
  /** How many operations there are at least, so that a run that no longer does the work is noticed. */
  readonly leastOperations: number
  readonly crashes: readonly Crash[]
}

const CASES: readonly Case[] = [
  {
    name: 'short writes, one over an older version',
    writes: [
      { path: '/old', content: content(900, 2) },
      { path: '/new', content: content(1200, 3) },
    ],
    leastOperations: 4,
    crashes: [ALL, PRIMARY, REPLICA, { victims: 'primary', kind: 'process' }],
  },
  {
    name: 'a long write',
    writes: [{ path: '/old', content: content(150 * KIB, 4) }],
    leastOperations: 8,
    crashes: [ALL, PRIMARY, REPLICA],
  },
  {
    name: 'writes that fill volumes, which are sealed and replaced',
    cluster: { volumeSizeBytes: 8 * KIB, chunkSizeBytes: 4 * KIB },
    writes: ['/old', '/a', '/b', '/c'].map((path, index) => ({ path, content: content(3000, index) })),
    leastOperations: 20,
    crashes: [ALL, PRIMARY, REPLICA],
  },
  {
    name: 'a restart after a power cut',
    writes: [{ path: '/old', content: content(2000, 8) }],
    inRestart: true,
    leastOperations: 20,
    // All servers do the same when they start, so the operations of one tell when the power goes again.
    crashes: [{ ...ALL, counted: 'primary' }, PRIMARY],
  },
]

const POINTS_OF_SOME = 4

/** The operations to crash at, of `count`: all, or some evenly spread. */
function crashPoints(count: number): readonly number[] {
  if (process.env['DFS_CRASH_POINTS'] === 'all') return Array.from({ length: count }, (_, index) => index + 1)
  const step = (count - 1) / (POINTS_OF_SOME - 1)
  return Array.from({ length: POINTS_OF_SOME }, (_, index) => 1 + Math.round(index * step))
}

describe.each(CASES)('$name', ({ leastOperations, crashes, ...scenario }) => {
  it.each(crashes)('survives the end by $kind of $victims at any disk operation', async (crash) => {
    const dry = await runWithCrash(scenario, { ...crash, operation: null })
    expect(dry.acknowledgedCount, 'without a crash everything is acknowledged').toBe(scenario.writes.length)
    expect(dry.operationsCount).toBeGreaterThanOrEqual(leastOperations)
    // A replica that is gone costs a client nothing but time.
    const acknowledgedLeast = crash.victims === 'replica' ? scenario.writes.length : 0
    for (const operation of crashPoints(dry.operationsCount)) {
      try {
        const { hasCrashed, acknowledgedCount } = await runWithCrash(scenario, { ...crash, operation })
        expect(hasCrashed, `operation ${operation} came`).toBe(true)
        expect(acknowledgedCount, 'acknowledged').toBeGreaterThanOrEqual(acknowledgedLeast)
      } catch (error) {
        throw new Error(`crash at disk operation ${operation} of ${dry.operationsCount}`, { cause: error })
      }
    }
  })
})
