/** Repeated requests at real processes that are killed in between: one change, one answer, and no error for clients that repeat. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RealCluster } from './real-cluster.ts'

let cluster: RealCluster

beforeAll(async () => {
  cluster = await RealCluster.start()
})
afterAll(() => cluster.end())

interface Answer {
  readonly status: number
  readonly etag: string | null
  readonly durability: string | null
  readonly operation: string | null
  readonly replayed: string | null
}

async function send(url: string, init: RequestInit): Promise<Answer> {
  const reply = await fetch(url, init)
  await reply.arrayBuffer()
  const [etag, durability] = [reply.headers.get('etag'), reply.headers.get('durability')]
  const operation = reply.headers.get('dfs-operation')
  return {
    status: reply.status,
    etag,
    durability,
    operation,
    replayed: reply.headers.get('idempotency-replayed'),
  }
}

describe('a request under an idempotency key', () => {
  it.each([
    ['short', 1000],
    ['long', 9_000_000],
  ])('has one answer, through every server and over the deaths of all: a %s file', async (kind, size) => {
    const content = Buffer.alloc(size, kind)
    const put = (url: string) =>
      send(`${url}/v1/files/once/${kind}`, {
        method: 'PUT',
        body: content,
        headers: { 'idempotency-key': `"${kind} 1"` },
      })
    const [first, second, third] = cluster.serverUrls
    const answer = await put(first!)
    expect(answer).toMatchObject({ status: 201, replayed: null })
    await cluster.killAndAwait('chunk-server-1')
    expect(await put(second!)).toEqual({ ...answer, replayed: '?1' })
    await cluster.killAndAwait('master')
    expect(await put(third!)).toEqual({ ...answer, replayed: '?1' })
    expect(await put(cluster.masterUrl), 'passed on').toEqual({ ...answer, replayed: '?1' })
  })

  it('refuses another request under the same key with 422', async () => {
    const [url] = cluster.serverUrls
    const headers = { 'idempotency-key': 'a-bare-token' }
    expect(await send(`${url}/v1/directories/d`, { method: 'PUT', headers })).toMatchObject({ status: 201 })
    expect(await send(`${url}/v1/directories/e`, { method: 'PUT', headers })).toMatchObject({ status: 422 })
    expect(await send(`${url}/v1/directories/d`, { method: 'PUT', headers })).toMatchObject({ status: 201 })
  })

  it('is executed by the master itself too', async () => {
    const create = () =>
      send(`${cluster.masterUrl}/v1/files/created`, { method: 'POST', headers: { 'idempotency-key': '"c"' } })
    const answer = await create()
    expect(answer).toMatchObject({ status: 201 })
    expect(await create()).toEqual({ ...answer, replayed: '?1' })
  })
})

it('a restart of the master in the middle of writes costs latency, and no error', async () => {
  await using client = cluster.client()
  await client.put('/before', Buffer.from('first contact'))
  const dying = cluster.killAndAwait('master')
  const written = await Promise.allSettled(
    Array.from({ length: 60 }, async (_, index) => {
      const path = `/restart/${index}`
      await client.put(path, Buffer.from(`content ${index}`), { ifNoneMatch: '*' })
      if (index % 3 === 0) await client.move(path, `${path}-moved`)
      if (index % 3 === 1) await client.remove(path)
    }),
  )
  await dying
  expect(written.filter(({ status }) => status === 'rejected')).toEqual([])
  const names = (await Array.fromAsync(client.list('/restart'))).map(({ path }) => path)
  expect(names).toHaveLength(40)
})
