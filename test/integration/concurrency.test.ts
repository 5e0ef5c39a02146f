/**
 * Many clients at once. What they were told is recorded and must be explicable by one file system that does one thing
 * after the other; what they read must be, byte for byte, something that one of them wrote. How
 * long that takes is nobody's business here: on a busy machine a server may say that it cannot answer now, and is asked again.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DfsClient, RequestError } from '@dfs/client'
import { checkHistory, HistoryRecorder } from '@dfs/linearizability'
import { KIB, MIB } from '@dfs/protocol'
import { clock, RealCluster } from './real-cluster.ts'
import { contentOf, type Fetched, valueOf } from '../workload/self-describing.ts'

const CLIENTS = 64
const WITHIN_MS = 5 * 60_000

let cluster: RealCluster
let clients: DfsClient[]

beforeAll(async () => {
  cluster = await RealCluster.start()
  const patient = { deadlineMs: WITHIN_MS, firstContactMs: WITHIN_MS, attemptsMax: 10_000 }
  clients = Array.from({ length: CLIENTS }, () => cluster.client(patient))
}, WITHIN_MS)
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await cluster.end()
}, WITHIN_MS)

/** What is neither yes nor no: nothing happened, or nobody knows. */
const INDEFINITE: ReadonlySet<number> = new Set([503, 504])

/** The first definite answer. A change is repeated under one key, so that it happens once. */
async function untilDefinite(url: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...(init.headers as Record<string, string>), 'idempotency-key': `"${randomUUID()}"` }
  const request = init.method === undefined ? init : { ...init, headers }
  for (;;) {
    const response = await fetch(url, request).catch(nullIfClosed)
    if (response !== null && !INDEFINITE.has(response.status)) return response
    await response?.arrayBuffer()
    await clock.sleep(100)
  }
}

/** A server closes connections that are idle for long, on a busy machine in the very moment in which the next request leaves. */
function nullIfClosed(error: unknown): null {
  const { code } = ((error as Error).cause ?? {}) as { code?: string }
  if (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE') return null
  throw error
}

/** The file at an address. Throws for any definite answer but 200. */
async function fetchAll(url: string): Promise<Fetched> {
  const response = await untilDefinite(url)
  const bytes = await response.bytes()
  if (response.status !== 200)
    throw new Error(`GET ${url}: ${response.status} ${Buffer.from(bytes).toString()}`)
  return { bytes, etag: response.headers.get('etag') ?? '' }
}

/** Mostly small, some beyond what is written in one piece, a few of several chunks. */
const sizeOf = (count: number): number =>
  count % 16 === 3 ? 5 * MIB + count : count % 4 === 1 ? 300 * KIB + count : 1000 + 97 * count

describe(`${CLIENTS} clients`, () => {
  it(
    'on files of their own read what they wrote, everywhere (R16)',
    async () => {
      const work = async (client: DfsClient, index: number): Promise<void> => {
        const path = `/own/${index}`
        for (let round = 0; round < 4; round += 1) {
          const value = `${index}.${round}`
          const { etag } = await client.put(path, contentOf(value, sizeOf(index + round)))
          const server = cluster.serverUrls[(index + round) % cluster.serverUrls.length]!
          const found = await fetchAll(`${server}/v1/files${path}`)
          expect({ etag: found.etag, value: valueOf(found.bytes) }).toEqual({ etag, value })
        }
      }
      await Promise.all(clients.map(work))
    },
    WITHIN_MS,
  )

  it(
    'on one file see whole versions only, in one order',
    async () => {
      const history = new HistoryRecorder(clock)
      const name = '/shared'
      await Promise.all(
        clients.map(async (client, index) => {
          for (let round = 0; round < 4; round += 1) {
            const value = `${index}.${round}`
            const write = history.begin(`client ${index}`, { kind: 'put', name, value })
            const { etag, created } = await client.put(name, contentOf(value, sizeOf(index + round)))
            write.end({ kind: 'answered', status: created ? 201 : 200, etag })
            await readInto(history, `client ${index}`, name, index + round)
          }
        }),
      )
      for (const [index] of cluster.nodeUrls.entries()) await readInto(history, 'afterwards', name, index)
      const result = checkHistory(history.history())
      expect(result.violations.map(({ explanation }) => explanation)).toEqual([])
      expect(result.verdict).toBe('linearizable')
    },
    WITHIN_MS,
  )
})

async function readInto(history: HistoryRecorder, client: string, name: string, node: number): Promise<void> {
  const read = history.begin(client, { kind: 'read', name })
  const { bytes, etag } = await fetchAll(
    `${cluster.nodeUrls[node % cluster.nodeUrls.length]!}/v1/files${name}`,
  )
  read.end({ kind: 'answered', status: 200, etag, value: valueOf(bytes) })
}

describe('races of 16 clients', () => {
  const RACERS = 16

  /** Sends the same kind of change from all racers at once, each to another node in turn; returns the statuses, sorted. */
  const race = async (request: (index: number) => RequestInit, path: string): Promise<number[]> => {
    const urls = cluster.serverUrls
    const statuses = await Promise.all(
      Array.from({ length: RACERS }, async (_, index) => {
        const response = await untilDefinite(`${urls[index % urls.length]!}/v1/files${path}`, request(index))
        await response.arrayBuffer()
        return response.status
      }),
    )
    return statuses.toSorted((a, b) => a - b)
  }
  const oneOf = (won: number, lost: number): number[] => [won, ...Array<number>(RACERS - 1).fill(lost)]

  it.each([
    ['small', 1000],
    ['large', 300 * KIB],
  ])(
    'are won by exactly one, with %s bodies',
    async (name, size) => {
      for (let round = 0; round < 8; round += 1) {
        const path = `/race/${name} ${round}`
        const put = (headers: Record<string, string>) => (index: number) => {
          return { method: 'PUT', headers, body: contentOf(`${round}.${index}`, size) }
        }
        expect(await race(put({ 'if-none-match': '*' }), path)).toEqual(oneOf(201, 412))
        const { etag } = await fetchAll(`${cluster.masterUrl}/v1/files${path}`)
        expect(await race(put({ 'if-match': etag }), path)).toEqual(oneOf(200, 412))
        const next = await fetchAll(`${cluster.masterUrl}/v1/files${path}`)
        const remove = () => ({ method: 'DELETE', headers: { 'if-match': next.etag } })
        const deleted = await race(remove, path)
        expect(deleted[0]).toBe(204)
        expect(deleted.slice(1).every((status) => status === 412 || status === 404)).toBe(true)
        expect(await race(() => ({ method: 'POST' }), path)).toEqual(oneOf(201, 409))
      }
    },
    WITHIN_MS,
  )

  it(
    'of writers that read, change and write again lose no change',
    async () => {
      const path = '/counter'
      await clients[0]!.put(path, Buffer.from('0'))
      await Promise.all(
        clients.slice(0, RACERS).map(async (client, index) => {
          for (let changed = false; !changed;) {
            const { bytes, etag } = await fetchAll(
              `${cluster.serverUrls[index % cluster.serverUrls.length]!}/v1/files${path}`,
            )
            const count = Number(Buffer.from(bytes).toString())
            changed = await client.put(path, Buffer.from(String(count + 1)), { ifMatch: etag }).then(
              () => true,
              (error: unknown) => {
                if (error instanceof RequestError && error.code === 'PRECONDITION_FAILED') return false
                throw error
              },
            )
          }
        }),
      )
      const { bytes } = await fetchAll(`${cluster.masterUrl}/v1/files${path}`)
      expect(Buffer.from(bytes).toString()).toBe(String(RACERS))
    },
    WITHIN_MS,
  )
})
