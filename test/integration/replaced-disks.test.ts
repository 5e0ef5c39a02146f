/**
 * Disks of real servers that are replaced by empty ones: what reads say of copies then, and that a file of which none is left is
 * refused with what happened, until a disk that has it is back.
 */
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type DfsClient, parseDurability, RequestError } from '@dfs/client'
import { KIB } from '@dfs/protocol'
import { contentOf, valueOf } from '../workload/self-describing.ts'
import { putOnAll, RealCluster } from './real-cluster.ts'

const WITHIN_MS = 5 * 60_000
const PATHS = ['/docs/small', '/docs/large']
const SERVERS = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3']

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

/** Starts the cluster again after the disks of these servers were taken away, or put back. */
async function withDisks(names: readonly string[], change: 'take' | 'putBack'): Promise<void> {
  await cluster.stop()
  for (const name of names) {
    const [place, aside] = [join(cluster.dataDirectory, name), join(cluster.directory, name)]
    if (change === 'take') renameSync(place, aside)
    else {
      renameSync(place, `${aside}-empty`)
      renameSync(aside, place)
    }
  }
  await cluster.start()
}

/** The copies that every node says there are of a file, by `HEAD`. */
const saidOf = (path: string): Promise<(number | undefined)[]> =>
  Promise.all(
    cluster.nodeUrls.map(async (url) => {
      const { headers } = await fetch(`${url}/v1/files${path}`, { method: 'HEAD' })
      return parseDurability(headers.get('durability') ?? undefined)?.copies
    }),
  )

async function expectCopies(copies: number): Promise<void> {
  for (const path of PATHS) {
    await expect.poll(() => saidOf(path), { timeout: 60_000 }).toEqual(cluster.nodeUrls.map(() => copies))
    expect(await client.stat(path)).toMatchObject({ copies, promised: 3 })
  }
}

/** At least one: those that are lost may be made again meanwhile. */
async function expectSomeCopies(): Promise<void> {
  const fewest = async (path: string): Promise<number> =>
    Math.min(...(await saidOf(path)).map((said) => said ?? 0))
  for (const path of PATHS) await expect.poll(() => fewest(path), { timeout: 60_000 }).toBeGreaterThan(0)
}

async function expectContent(): Promise<void> {
  for (const path of PATHS) {
    await using download = await client.get(path)
    expect(valueOf(Buffer.concat(await Array.fromAsync(download.body)))).toBe(path)
  }
}

it(
  'reads say what copies are left; without any they are refused, until one is back',
  async () => {
    for (const [index, path] of PATHS.entries())
      await putOnAll(cluster, client, path, contentOf(path, index === 0 ? 1000 : 700 * KIB))
    await expectCopies(3)

    await withDisks(SERVERS, 'take')
    await expectCopies(0)
    for (const path of PATHS) {
      const error: unknown = await client.get(path).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(RequestError)
      expect(error).toMatchObject({ code: 'DATA_UNAVAILABLE', status: 503 })
      for (const part of [path, ...SERVERS]) expect((error as RequestError).detail).toContain(part)
      const { status, headers } = await fetch(`${cluster.masterUrl}/v1/files${path}`)
      expect([status, headers.get('retry-after')], 'it is not worth another try').toEqual([503, null])
    }

    await withDisks(SERVERS.slice(0, 1), 'putBack')
    await expectSomeCopies()
    await expectContent()
  },
  WITHIN_MS,
)
