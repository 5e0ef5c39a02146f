/**
 * Bodies through the master, at real processes: what clients of all kinds send there arrives whole, without a redirect, or is
 * answered by an error after which nothing has happened.
 */
import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RealCluster } from './real-cluster.ts'

let cluster: RealCluster
beforeAll(async () => {
  cluster = await RealCluster.start()
})
afterAll(() => cluster.end())

const urlOf = (path: string): string => `${cluster.masterUrl}/v1/files/${path}`
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Bytes that are nowhere the same. */
const contentOf = (size: number): Buffer =>
  Buffer.concat(
    Array.from({ length: Math.ceil(size / 4096) }, (_, index) => Buffer.alloc(4096, `${index} of ${size};`)),
  ).subarray(0, size)

async function put(
  path: string,
  body: NonNullable<RequestInit['body']>,
  init: RequestInit = {},
): Promise<number> {
  const reply = await fetch(urlOf(path), { method: 'PUT', body, redirect: 'error', ...init })
  await reply.arrayBuffer()
  return reply.status
}

/** What is stored there, or null. */
async function stored(path: string): Promise<Uint8Array | null> {
  const reply = await fetch(urlOf(path))
  const bytes = new Uint8Array(await reply.arrayBuffer())
  if (reply.status === 404) return null
  expect(reply.status).toBe(200)
  return bytes
}

interface Raw {
  readonly status: number
  readonly wasAsked: boolean
  readonly headers: NodeJS.Dict<string | string[]>
}

/** As curl does it: the body leaves when the server asks for it. */
function putExpecting(path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Raw> {
  const { promise, resolve, reject } = Promise.withResolvers<Raw>()
  const request = httpRequest(urlOf(path), {
    method: 'PUT',
    headers: { expect: '100-continue', ...headers },
  })
  let wasAsked = false
  request.on('continue', () => {
    wasAsked = true
    request.end(body)
  })
  request.on('error', reject)
  request.on('response', (response) => {
    response.resume()
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, wasAsked, headers: response.headers }),
    )
    if (!wasAsked) request.destroy()
  })
  request.flushHeaders()
  return promise
}

describe('a body that is sent to the master', () => {
  it('arrives where the client follows no redirect and waits for 100 Continue', async () => {
    const body = contentOf(3_000_000)
    const lengths: Record<string, string>[] = [{ 'content-length': String(body.length) }, {}]
    for (const headers of lengths) {
      const reply = await putExpecting('curl', body, headers)
      expect([reply.wasAsked, reply.status < 300, reply.headers['location']]).toEqual([true, true, undefined])
      expect(reply.headers['durability']).toMatch(/^copies=[23], fsynced=/)
      expect(hashOf((await stored('curl'))!)).toBe(hashOf(body))
    }
  })

  it('is not asked for where its head shows that it would fail', async () => {
    expect(await put('there', contentOf(10))).toBe(201)
    const refused = await putExpecting('there', contentOf(10), { 'if-none-match': '*' })
    expect([refused.wasAsked, refused.status]).toEqual([false, 412])
  })

  it.each([0, 1, 200_000, 300_000, 2_000_000, 5_000_000, 20_000_000])(
    'of %i bytes arrives, each time',
    async (size) => {
      const body = contentOf(size)
      for (let round = 0; round < 3; round += 1)
        expect(await put(`fetch/${size}`, body)).toBe(round === 0 ? 201 : 200)
      expect(hashOf((await stored(`fetch/${size}`))!)).toBe(hashOf(body))
    },
  )

  it.each([1000, 250_000, 9_000_000])(
    'of %i bytes arrives from a generator, whole and over what was there',
    async (size) => {
      const body = contentOf(size)
      const generate = () =>
        new ReadableStream<Uint8Array>({
          async start(controller) {
            for (let at = 0; at < size; at += 70_001) controller.enqueue(body.subarray(at, at + 70_001))
            controller.close()
          },
        })
      expect(await put(`generated/${size}`, 'before')).toBe(201)
      expect(await put(`generated/${size}`, generate(), { duplex: 'half' } as RequestInit)).toBe(200)
      expect(hashOf((await stored(`generated/${size}`))!)).toBe(hashOf(body))
    },
  )

  it('is answered under its key as the first time, through whichever node', async () => {
    const headers = { 'idempotency-key': '"passed on"' }
    expect(await put('keyed', 'content', { headers })).toBe(201)
    for (const url of cluster.nodeUrls) {
      const reply = await fetch(`${url}/v1/files/keyed`, { method: 'PUT', body: 'content', headers })
      expect([reply.status, reply.headers.get('idempotency-replayed')]).toEqual([201, '?1'])
      await reply.arrayBuffer()
    }
  })

  it('leaves what was there alone where the client goes away in the middle', async () => {
    expect(await put('half', 'before')).toBe(201)
    const { hostname, port } = new URL(cluster.masterUrl)
    for (const framing of ['Content-Length: 1000000', 'Transfer-Encoding: chunked']) {
      const socket = connect(Number(port), hostname)
      const piece = 'x'.repeat(400_000)
      const isChunked = framing.startsWith('T')
      socket.write(`PUT /v1/files/half HTTP/1.1\r\nHost: localhost\r\n${framing}\r\n\r\n`)
      await new Promise((resolve) =>
        socket.write(isChunked ? `${piece.length.toString(16)}\r\n${piece}\r\n` : piece, resolve),
      )
      socket.destroy()
      await new Promise((resolve) => socket.once('close', resolve))
    }
    // A write that comes later is decided later: by then the halves would have been stored.
    expect(await put('later', 'x')).toBe(201)
    expect(Buffer.from((await stored('half'))!).toString()).toBe('before')
  })
})

describe('when chunk servers die', () => {
  it('in the middle of a long body, nothing has happened and the answer says so', async () => {
    expect(await put('killed', 'before')).toBe(201)
    const started = Promise.withResolvers<void>()
    const died = Promise.withResolvers<void>()
    let count = 0
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        count += 1
        if (count === 40) {
          started.resolve()
          await died.promise
        }
        if (count === 200) controller.close()
        else controller.enqueue(contentOf(65_536))
      },
    })
    const reply = fetch(urlOf('killed'), { method: 'PUT', body, duplex: 'half' } as RequestInit)
    await started.promise
    const servers = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3']
    const back = Promise.all(servers.map((name) => cluster.killAndAwait(name)))
    died.resolve()
    const answer = await reply
    expect([answer.status, await answer.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'UNAVAILABLE' }),
    ])
    await back
    expect(Buffer.from((await stored('killed'))!).toString()).toBe('before')
  })

  it('a short body goes to another one, and happens once', async () => {
    let isOver = false
    const statuses = new Map<string, number>()
    const clients = Array.from({ length: 4 }, async (_, client) => {
      for (let index = 0; !isOver; index += 1) {
        const path = `once/${client}-${index}`
        statuses.set(path, await put(path, path, { headers: { 'if-none-match': '*' } }))
      }
    })
    for (const name of ['chunk-server-1', 'chunk-server-2', 'chunk-server-3'])
      await cluster.killAndAwait(name)
    isOver = true
    await Promise.all(clients)
    const counts = new Map<number, number>()
    for (const status of statuses.values()) counts.set(status, (counts.get(status) ?? 0) + 1)
    // 412 would be a write that met itself; 504 one of which nobody knows.
    expect([...counts.keys()].filter((status) => status !== 201 && status !== 503)).toEqual([])
    expect(counts.get(201)).toBeGreaterThan(10)
    for (const [path, status] of statuses) {
      const bytes = await stored(path)
      expect([path, bytes === null ? null : Buffer.from(bytes).toString()]).toEqual([
        path,
        status === 201 ? path : null,
      ])
    }
  })
})
