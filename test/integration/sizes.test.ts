/** Files of every critical size, by every way in that people use, read back through every node. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BLOCK_SIZE_BYTES, CHUNK_SIZE_BYTES, SMALL_WRITE_BYTES_MAX } from '@dfs/protocol'
import { RealCluster } from './real-cluster.ts'
import { flawless, makeSample, roundTrip, type Sample, WAYS } from './ways-in.ts'

const WITHIN_MS = 10 * 60_000

const around = (size: number): number[] => [size - 1, size, size + 1]
const SIZES = [
  0,
  1,
  ...around(BLOCK_SIZE_BYTES),
  ...around(SMALL_WRITE_BYTES_MAX),
  ...around(CHUNK_SIZE_BYTES),
]

let cluster: RealCluster
let samples: Sample[]

beforeAll(async () => {
  cluster = await RealCluster.start()
  samples = SIZES.map((size) => makeSample(cluster, size))
}, WITHIN_MS)
afterAll(() => cluster.end(), WITHIN_MS)

describe.each(WAYS)('%s', (way, send) => {
  it(
    'stores every size, and every node gives it back',
    async () => {
      for (const sample of samples) {
        const path = `${way}/${sample.name}`
        expect(await roundTrip(cluster, { sample, path, send })).toEqual(flawless(cluster, sample))
      }
    },
    WITHIN_MS,
  )
})
