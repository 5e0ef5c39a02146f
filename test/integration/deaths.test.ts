/**
 * Processes that die without a word while clients are at work. A chunk server's death costs time and nothing else; the
 * master's may leave an outcome unknown, and then the client says so. What was acknowledged is there afterwards.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type DfsClient, RequestError } from '@dfs/client'
import { KIB, MIB } from '@dfs/protocol'
import { RealCluster } from './real-cluster.ts'
import { contentOf, fetchAll, valueOf } from '../workload/self-describing.ts'

const WITHIN_MS = 5 * 60_000
const WRITERS = 8

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

const sizeOf = (count: number): number =>
  count % 16 === 3 ? 5 * MIB : count % 4 === 1 ? 300 * KIB : 1000 + count

/** What became of each write: `true` for acknowledged, else the client's error. */
type Writes = Map<string, true | Error>

/** Clients that write file after file and read each at once, until the signal; never rejects. */
async function work(directory: string, signal: AbortSignal, writes: Writes): Promise<void> {
  const one = async (writer: number): Promise<void> => {
    for (let count = 0; !signal.aborted; count += 1) {
      const path = `/${directory}/${writer}.${count}`
      try {
        await client.put(path, contentOf(path, sizeOf(writer + count)))
        writes.set(path, true)
        await using download = await client.get(path)
        const pieces = await Array.fromAsync(download.body)
        expect(valueOf(Buffer.concat(pieces))).toBe(path)
      } catch (error) {
        writes.set(path, error instanceof Error ? error : new Error(String(error)))
      }
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => one(writer)))
}

/** Lets clients work while `incident` happens, from some writes before it to some after it. */
async function during(directory: string, incident: () => Promise<void>): Promise<Writes> {
  const writes: Writes = new Map()
  const stop = new AbortController()
  const working = work(directory, stop.signal, writes)
  const more = async (): Promise<void> => {
    const enough = writes.size + 3 * WRITERS
    await expect.poll(() => writes.size >= enough, { timeout: 60_000 }).toBe(true)
  }
  try {
    await more()
    await incident()
    await more()
  } finally {
    stop.abort()
    await working
  }
  return writes
}

async function expectAtEveryServer(paths: Iterable<string>): Promise<void> {
  for (const path of paths) {
    for (const server of cluster.serverUrls) {
      expect(valueOf((await fetchAll(`${server}/v1/files${path}`)).bytes), `${path} at ${server}`).toBe(path)
    }
  }
}

it(
  'the death of the preferred chunk server, and of another one, is no error for anybody',
  async () => {
    const preferred = (await cluster.servers()).find(({ isPreferred }) => isPreferred)!.name
    const other = (await cluster.servers()).find(({ isPreferred }) => !isPreferred)!.name
    const writes = await during('servers', async () => {
      await cluster.killAndAwait(preferred)
      await cluster.killAndAwait(other)
    })
    expect([...writes].filter(([, outcome]) => outcome !== true)).toEqual([])
    await expectAtEveryServer(writes.keys())
  },
  WITHIN_MS,
)

it(
  'the death of the master loses no acknowledged write and invents none',
  async () => {
    const writes = await during('master', () => cluster.killAndAwait('master'))
    const failed = [...writes].filter(([, outcome]) => outcome !== true)
    for (const [path, error] of failed) {
      expect(error, path).toBeInstanceOf(RequestError)
      expect((error as RequestError).code, path).toBe('TIMEOUT_ERROR')
    }
    await expectAtEveryServer([...writes].flatMap(([path, outcome]) => (outcome === true ? [path] : [])))
    for (const [path] of failed) {
      const response = await fetch(`${cluster.masterUrl}/v1/files${path}`)
      const bytes = await response.bytes()
      expect([path, 404]).toContain(response.ok ? valueOf(bytes) : response.status)
    }
  },
  WITHIN_MS,
)
