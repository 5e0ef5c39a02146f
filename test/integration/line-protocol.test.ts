/**
 * The line protocol in front of the real cluster: what is written by line is read by REST and the other way round, the three
 * ports are one namespace, and writers at the same moment never mix.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type DfsClient, parseDurability } from '@dfs/client'
import { CHUNK_SIZE_BYTES, KIB } from '@dfs/protocol'
import { RealCluster, sha256At } from './real-cluster.ts'
import { contentOf, valueOf } from '../workload/self-describing.ts'
import { GatewayProcess } from './line/gateway-process.ts'
import { type LineClient } from './line/line-client.ts'

const WITHIN_MS = 5 * 60_000
const ROUNDS = 40

let cluster: RealCluster
let gateway: GatewayProcess
let client: DfsClient
let first: LineClient, second: LineClient, third: LineClient

beforeAll(async () => {
  cluster = await RealCluster.start()
  gateway = await GatewayProcess.start(cluster)
  client = cluster.client()
  first = await gateway.connect(0)
  second = await gateway.connect(1)
  third = await gateway.connect(2)
}, WITHIN_MS)
afterAll(async () => {
  for (const each of [first, second, third, gateway]) await each[Symbol.asyncDispose]()
  await client.close()
  await cluster.end()
}, WITHIN_MS)

const crc32Of = (bytes: Uint8Array): string => crc32(bytes).toString(16).padStart(8, '0')
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

it(
  'carries a whole session, each message on another port',
  async () => {
    expect(await gateway.primary()).not.toBeNull()
    expect(await first.ask('READ_FILE:notes.txt')).toBe('FILE_NOT_FOUND')
    expect(await first.ask('WRITE_FILE:notes.txt:x')).toBe('COPY_ERROR')
    expect(await first.ask('CREATE_FILE:notes.txt')).toBe('FILE_CREATED')
    expect(await second.ask('READ_FILE:notes.txt')).toBe('FILE_CONTENT:File created')
    expect(await third.ask('WRITE_FILE:notes.txt:hello: wörld')).toBe('FILE_WRITTEN')
    expect(await first.ask('READ_FILE:notes.txt')).toBe('FILE_CONTENT:hello: wörld')
    expect(await second.ask('WRITE_FILE_B64:notes.txt:AP8KDQo=')).toBe('FILE_WRITTEN')
    expect(await third.ask('READ_FILE_B64:notes.txt')).toBe('FILE_CONTENT_B64:AP8KDQo=')
    expect(await first.ask('READ_FILE:notes.txt')).toBe('FILE_NOT_TEXT_ERROR')
    expect(await second.writeBytes('notes.txt', Buffer.from('a\nb\n'))).toBe('FILE_WRITTEN')
    expect(String(await third.readBytes('notes.txt'))).toBe('a\nb\n')
    expect(await first.ask('DELETE_FILE:notes.txt')).toBe('FILE_DELETED')
    for (const each of [first, second, third]) {
      expect(await each.ask('READ_FILE:notes.txt')).toBe('FILE_NOT_FOUND')
      expect(await each.readBytes('notes.txt')).toBe('FILE_NOT_FOUND')
    }
  },
  WITHIN_MS,
)

it(
  'writes what REST reads, of every size, with digest and receipt',
  async () => {
    for (const size of [0, 100, 300 * KIB, 2 * CHUNK_SIZE_BYTES + 1]) {
      const content = size === 0 ? new Uint8Array() : contentOf(`${size}`, size)
      const name = `by line ${size}`
      expect(await first.ask(`CREATE_FILE:${name}`)).toBe('FILE_CREATED')
      expect(await second.writeBytes(name, content)).toBe('FILE_WRITTEN')
      for (const node of cluster.nodeUrls) {
        expect(await sha256At(`${node}/v1/files/${encodeURI(name)}`), `${name} at ${node}`).toBe(
          sha256(content),
        )
      }
      const response = await fetch(`${cluster.serverUrls[0]!}/v1/files/${encodeURI(name)}`)
      await response.arrayBuffer()
      const receipt = parseDurability(response.headers.get('durability') ?? undefined)
      // An empty file has no chunk, so nothing that copies could be made of.
      const copies = size === 0 ? 0 : 3
      const counted = { copies, fsynced: copies, zones: copies, firstChunks: null }
      expect(receipt).toEqual({ ...counted, crc32: crc32Of(content) })
    }
  },
  WITHIN_MS,
)

it(
  'reads and deletes what REST wrote, of every size',
  async () => {
    for (const size of [0, 100, 300 * KIB, 2 * CHUNK_SIZE_BYTES + 1]) {
      const content = size === 0 ? new Uint8Array() : contentOf(`${size}`, size)
      const name = `by REST ${size}`
      await client.put(`/${name}`, content)
      const read = await third.readBytes(name)
      expect(read).toBeInstanceOf(Buffer)
      expect(sha256(Buffer.from(read))).toBe(sha256(content))
      expect(await first.ask(`DELETE_FILE:${name}`)).toBe('FILE_DELETED')
      await expect(client.stat(`/${name}`)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    }
    await client.makeDirectory('/directory')
    expect(await first.ask('READ_FILE:directory')).toBe('FILE_NOT_FOUND')
  },
  WITHIN_MS,
)

it('keeps the earlier version of a file that is created again', async () => {
  const { etag } = await client.put('/kept.txt', Buffer.from('precious'))
  expect(await first.ask('CREATE_FILE:kept.txt')).toBe('FILE_CREATED')
  expect(await first.ask('READ_FILE:kept.txt')).toBe('FILE_CONTENT:File created')
  const earlier = await client.get('/kept.txt', { version: etag.replaceAll('"', '') })
  expect(Buffer.concat(await Array.fromAsync(earlier.body)).toString()).toBe('precious')
})

it.each([100, 300 * KIB])(
  'never mixes two contents of %i bytes that are written at the same moment on different ports',
  async (size) => {
    const name = `contended ${size}`
    expect(await first.ask(`CREATE_FILE:${name}`)).toBe('FILE_CREATED')
    for (let round = 0; round < ROUNDS; round += 1) {
      const values = [`first-${round}`, `second-${round}`]
      const replies = await Promise.all([
        first.writeBytes(name, contentOf(values[0]!, size)),
        second.writeBytes(name, contentOf(values[1]!, size)),
      ])
      expect(replies).toEqual(['FILE_WRITTEN', 'FILE_WRITTEN'])
      const read = await third.readBytes(name)
      const value = valueOf(Buffer.from(read))
      expect(values).toContain(value)
    }
  },
  WITHIN_MS,
)
