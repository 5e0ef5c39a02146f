/**
 * A whole cluster that is stopped and started again and again, with one small file each time: what restarts leave goes again. A
 * hundred of them are in test/simulation/restarts.test.ts.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type DfsClient } from '@dfs/client'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { RealCluster } from './real-cluster.ts'

const WITHIN_MS = 10 * 60_000
const RESTARTS = 12
/** More than the volumes with a file: those in use, the spare ones, and what a primary may still ask for. */
const MORE_MAX = 12
const SETTLED_WITHIN_MS = 120_000

let cluster: RealCluster
let client: DfsClient

beforeAll(async () => {
  cluster = await RealCluster.start()
  client = cluster.client()
}, WITHIN_MS)
afterAll(async () => {
  await client.close()
  await cluster.end()
}, WITHIN_MS)

const copiesAt = (server: string): number =>
  readdirSync(join(cluster.dataDirectory, server, 'volumes')).filter((name) => name.endsWith('.log')).length

it(
  'twelve restarts leave no volumes that hold nothing, on no disk',
  async () => {
    for (let index = 0; index < RESTARTS; index += 1) {
      await client.put(`/${index}`, Buffer.from(`content ${index}`))
      await cluster.stop()
      await cluster.start()
      await cluster.untilReady()
    }
    const more = async (): Promise<number> => {
      const { volumesOpen, volumesSealed } = (await client.status()).totals
      return volumesOpen + volumesSealed - RESTARTS
    }
    await expect.poll(more, { timeout: SETTLED_WITHIN_MS }).toBeLessThanOrEqual(MORE_MAX)
    for (const { name } of await cluster.servers())
      await expect
        .poll(() => copiesAt(name), { timeout: SETTLED_WITHIN_MS })
        .toBeLessThanOrEqual(RESTARTS + MORE_MAX)
    for (let index = 0; index < RESTARTS; index += 1) {
      await using download = await client.get(`/${index}`)
      expect(Buffer.concat(await Array.fromAsync(download.body)).toString()).toBe(`content ${index}`)
    }
  },
  WITHIN_MS,
)
