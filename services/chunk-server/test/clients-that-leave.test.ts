/**
 * From a socket that closes to the place that its body had: behind the real HTTP server, since only that knows when a client
 * has left. Time stands still, so nothing else can have freed the place.
 */
import { Deadlines } from '@dfs/core'
import { ManualClock } from '@dfs/core/testing'
import { crc32, createHasher, NodeRandom } from '@dfs/node-runtime'
import { type FileService, KIB, type Namespace, type CommandId } from '@dfs/protocol'
import { buildPublicApp } from '@dfs/public-api'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { type AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type CommitChannel } from '../src/master/commit-channel.ts'
import { type VolumePool } from '../src/replication/volume-pool.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'
import { ChunkPermits } from '../src/writing/chunk-permits.ts'
import { FileWriter } from '../src/writing/file-writer.ts'
import { type RecordCommitter } from '../src/writing/record-committer.ts'
import { ShortBodies } from '../src/writing/short-bodies.ts'
import { UploadStager } from '../src/writing/upload-stager.ts'

const BODY_BYTES = 512 * KIB
/** Enough for a body to ask for its permit, and less than what is read ahead of it: a paused connection tells nothing. */
const SENT_BYTES = 100 * KIB
const SUCCESS = {
  ok: true,
  operation: 1,
  entry: 1,
  decidedMs: 0,
  created: true,
  copies: 3,
  zones: 1,
} as const

/** One permit and one place to wait; says how many have asked. */
class CountedPermits extends ChunkPermits {
  asked = 0
  override acquire(...patience: Parameters<ChunkPermits['acquire']>): ReturnType<ChunkPermits['acquire']> {
    const permit = super.acquire(...patience)
    this.asked += 1
    return permit
  }
}

let permits: CountedPermits
let port: number
let close: () => Promise<void>
/** What each write has ended with, by path; those under way are not there. */
let ended: Map<string, string>
let clients: ClientRequest[]

beforeEach(async () => {
  const clock = new ManualClock()
  const { log } = simNode(new SimNetwork(new Simulation('clients that leave')), 'node')
  permits = new CountedPermits({ clock, deadlines: new Deadlines(clock), permits: 1, waitingMax: 1 })
  const content = { clock, crc32, createHasher, chunkSizeBytes: () => BODY_BYTES }
  const commits = {
    reserve: () => 1,
    release: () => {},
    idOf: () => ({}) as CommandId,
    execute: async () => SUCCESS,
  }
  const records = { store: async () => SUCCESS } as unknown as RecordCommitter
  const writer = new FileWriter({
    ...content,
    log,
    pool: { release: () => {} } as unknown as VolumePool,
    commits: commits as unknown as CommitChannel,
    records,
    uploads: new UploadStager({
      ...content,
      tuning: DEFAULT_TUNING,
      records,
      permits,
      releaseVolume: () => {},
    }),
    shortBodies: new ShortBodies(clock, BODY_BYTES),
  })
  ended = new Map()
  clients = []
  const files = {
    async write(asked, body, context) {
      const writing = writer.write(asked, body, context)
      writing.then(
        () => ended.set(asked.path, 'written'),
        (error: { code?: string; message: string }) => ended.set(asked.path, error.code ?? error.message),
      )
      return writing
    },
  } as FileService
  const app = await buildPublicApp({
    namespace: {} as Namespace,
    content: { kind: 'serve', files },
    cluster: { endpoints: () => [] },
    node: { name: 'node', workers: () => [], master: () => null },
    clock,
    random: new NodeRandom(),
    log,
    allowedHosts: [],
    readiness: () => ({ whyNot: null, missing: null }),
    hasDocs: false,
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  port = (app.server.address() as AddressInfo).port
  close = () => app.close()
})

afterEach(async () => {
  for (const client of clients) client.destroy()
  await close()
})

interface Client {
  readonly sending: ClientRequest
  readonly status: Promise<number | undefined>
}

/** Begins to send a long body; resolves when it has asked for a permit. */
async function begin(name: string): Promise<Client> {
  const before = permits.asked
  const headers = { 'content-length': BODY_BYTES }
  const sending = request({ port, method: 'PUT', path: `/v1/files/${name}`, headers, agent: false })
  clients.push(sending)
  sending.on('error', () => sending.destroy())
  const status = once(sending, 'response').then(([answer]) => {
    const { statusCode } = (answer as IncomingMessage).resume()
    return statusCode
  })
  status.catch(() => undefined)
  sending.write(Buffer.alloc(SENT_BYTES))
  await expect.poll(() => permits.asked).toBe(before + 1)
  return { sending, status }
}

it('a client that leaves while its long body waits for a permit gives up its place at once', async () => {
  const first = await begin('first')
  const waiting = await begin('waiting')
  expect(await (await begin('refused')).status).toBe(503)
  waiting.sending.destroy()
  await expect.poll(() => ended.get('/waiting')).toBe('UNAVAILABLE')
  const next = await begin('next')
  for (const { sending } of [first, next]) sending.end(Buffer.alloc(BODY_BYTES - SENT_BYTES))
  expect(await Promise.all([first.status, next.status])).toEqual([201, 201])
  expect(Object.fromEntries(ended)).toEqual({
    '/first': 'written',
    '/refused': expect.stringContaining('too many long bodies wait'),
    '/waiting': 'UNAVAILABLE',
    '/next': 'written',
  })
})
