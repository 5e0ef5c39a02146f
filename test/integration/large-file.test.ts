/** What a large file costs the services in memory. DFS_TEST_LARGE_MIB says how large it is. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MIB } from '@dfs/protocol'
import { RealCluster } from './real-cluster.ts'
import { flawless, makeSample, roundTrip, type Sample, WAYS } from './ways-in.ts'

const WITHIN_MS = 10 * 60_000
const RESIDENT_MIB_MAX = 300
const LARGE_BYTES = Number(process.env['DFS_TEST_LARGE_MIB'] ?? 192) * MIB

let cluster: RealCluster
let sample: Sample

beforeAll(async () => {
  cluster = await RealCluster.start()
  sample = makeSample(cluster, LARGE_BYTES)
}, WITHIN_MS)
afterAll(() => cluster.end(), WITHIN_MS)

it.each([WAYS[3]!, WAYS[4]!])(
  'a large file is stored and read by %s, within bounded memory',
  async (way, send) => {
    const path = `large/${way}`
    expect(await roundTrip(cluster, { sample, path, send })).toEqual(flawless(cluster, sample))
    expect(cluster.peakResidentMib()).toBeLessThan(RESIDENT_MIB_MAX)
  },
  WITHIN_MS,
)
