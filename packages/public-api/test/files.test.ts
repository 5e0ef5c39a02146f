/** The content routes of a chunk server: what a well-behaved client sees. */
import { QueueFullError, TransportError } from '@dfs/core'
import { DfsError, formatEtag } from '@dfs/protocol'
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildTestApp, type TestApp } from './support/apps.ts'

let node: TestApp
beforeEach(async () => {
  node = await buildTestApp('serve')
})
afterEach(() => node.app.close())

const put = (url: string, payload: string | Buffer, headers: Record<string, string> = {}) =>
  node.app.inject({ method: 'PUT', url, payload, headers })
const get = (url: string, headers: Record<string, string> = {}) => node.app.inject({ url, headers })
const CONTENT = Buffer.from('The quick brown fox')

describe('PUT', () => {
  test('stores the bytes and answers with a receipt that a structured-field parser reads', async () => {
    const reply = await put('/v1/files/a/b%20c.txt', CONTENT, {
      'content-type': 'text/plain; charset=utf-8',
      'dfs-executable': '?1',
    })
    expect(reply.statusCode).toBe(201)
    expect(reply.json()).toMatchObject({ kind: 'file', path: '/a/b c.txt', size: 19, executable: true })
    expect(reply.headers.etag).toBe(reply.json().etag)
    expect(reply.headers['dfs-operation']).toMatch(/^[0-9a-f]+$/)
    const { crc32 } = reply.json()
    const bytes = Buffer.from(crc32, 'hex').toString('base64')
    expect(reply.headers['durability']).toBe(`copies=3, fsynced=3, zones=1, crc32=:${bytes}:`)
    expect((await put('/v1/files/a/b%20c.txt', 'x')).statusCode).toBe(200)
  })

  test.each([
    'application/json',
    'text/html',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'a/b',
  ])('takes %s as bytes, without looking into them', async (contentType) => {
    expect((await put('/v1/files/x', '{not json', { 'content-type': contentType })).statusCode).toBe(201)
    const reply = await get('/v1/files/x')
    expect(reply.body).toBe('{not json')
    expect(reply.headers['content-type']).toBe(contentType)
  })

  test('without a content type stores the default one, and no body as an empty file', async () => {
    expect((await node.app.inject({ method: 'PUT', url: '/v1/files/empty' })).statusCode).toBe(201)
    const reply = await get('/v1/files/empty')
    expect(reply.headers).toMatchObject({ 'content-length': '0', 'content-type': 'application/octet-stream' })
  })

  const sha256 = createHash('sha256').update(CONTENT).digest('base64')
  const sha512 = createHash('sha512').update(CONTENT).digest('base64')
  test.each([
    ['a digest that matches', { 'content-digest': `sha-256=:${sha256}:` }, 201],
    ['two that match', { 'repr-digest': `sha-512=:${sha512}:, sha-256=:${sha256}:` }, 201],
    ['one with parameters', { 'content-digest': `sha-256=:${sha256}:;a=1;b` }, 201],
    ['an unknown algorithm alone', { 'content-digest': 'md5=:AAAA:' }, 201],
    ['one of other bytes', { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` }, 400],
    [
      'two that contradict',
      {
        'content-digest': `sha-256=:${sha256}:`,
        'repr-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:`,
      },
      400,
    ],
    ['one that is too short', { 'content-digest': 'sha-256=:AAAA:' }, 400],
    ['one that is no byte sequence', { 'content-digest': `sha-256=${sha256}` }, 400],
    ['Content-Encoding', { 'content-encoding': 'gzip' }, 415],
    ['the identity coding', { 'content-encoding': 'identity' }, 201],
    ['Content-Range', { 'content-range': 'bytes 0-1/2' }, 400],
    ['a content type that is too long', { 'content-type': `a/${'b'.repeat(254)}` }, 400],
    ['an executable bit that is no boolean', { 'dfs-executable': 'true' }, 400],
    ['If-Match on a new file', { 'if-match': '*' }, 412],
    ['If-None-Match on a new file', { 'if-none-match': '*' }, 201],
    ['a tag without quotes', { 'if-match': 'abc' }, 400],
  ] as [string, Record<string, string>, number][])('%s: %3$i', async (_name, headers, status) => {
    expect((await put('/v1/files/new', CONTENT, headers)).statusCode).toBe(status)
    expect(node.memory.nodes.has('/new')).toBe(status === 201)
  })

  test('an overwrite is conditional on the version', async () => {
    const { info } = node.memory.store('/f', CONTENT)
    const etag = formatEtag(info.version)
    expect((await put('/v1/files/f', 'x', { 'if-match': `W/${etag}` })).statusCode).toBe(412)
    expect((await put('/v1/files/f', 'x', { 'if-match': '"1,2", "zz"' })).statusCode).toBe(412)
    expect((await put('/v1/files/f', 'x', { 'if-none-match': `W/${etag}` })).statusCode).toBe(412)
    expect((await put('/v1/files/f', 'x', { 'if-match': `"other", ${etag}` })).statusCode).toBe(200)
    expect((await put('/v1/files/f', 'x', { 'if-match': etag })).statusCode).toBe(412)
  })

  test('a date goes along and is decided with the commit, unless there is a tag', async () => {
    const { info } = node.memory.store('/f', CONTENT)
    const later = new Date(info.modifiedMs + 5000).toUTCString()
    const earlier = new Date(info.modifiedMs - 5000).toUTCString()
    expect((await put('/v1/files/f', 'x', { 'if-unmodified-since': earlier })).statusCode).toBe(412)
    expect((await put('/v1/files/f', 'x', { 'if-unmodified-since': later })).statusCode).toBe(200)
    const inSeconds = Math.floor((info.modifiedMs + 5000) / 1000) * 1000
    expect(node.memory.writes.at(-1)?.precondition.unmodifiedSinceMs).toBe(inSeconds)
    const both = { 'if-unmodified-since': earlier, 'if-match': '*' }
    expect((await put('/v1/files/f', 'x', both)).statusCode).toBe(200)
  })
})

describe('GET', () => {
  test('sends all of a file whose stream reuses its buffer', async () => {
    const { info } = node.memory.store('/f', CONTENT, { contentType: 'text/html' })
    const reply = await get('/v1/files/f')
    expect(reply.body).toBe(CONTENT.toString())
    expect(reply.headers).toMatchObject({
      'accept-ranges': 'bytes',
      'content-length': '19',
      'content-type': 'text/html',
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
      'dfs-executable': '?0',
      etag: formatEtag(info.version),
      'repr-digest': `sha-256=:${createHash('sha256').update(CONTENT).digest('base64')}:`,
    })
    await expect.poll(() => node.memory.readsOpen).toBe(0)
  })

  test('says what copies there are now, in every form; the answer to the write keeps its promise', async () => {
    const written = await put('/v1/files/f', CONTENT)
    const crc32 = Buffer.from(written.json().crc32, 'hex').toString('base64')
    expect(written.json()).toMatchObject({ copies: 3, promised: 3 })
    node.memory.now = { copies: 1, zones: 1, firstChunks: null }
    const etag = written.json().etag
    const reads = [
      await get('/v1/files/f'),
      await get('/v1/files/f', { range: 'bytes=1-2' }),
      await get('/v1/files/f', { 'if-none-match': etag }),
      await node.app.inject({ method: 'HEAD', url: '/v1/files/f' }),
    ]
    expect(reads.map(({ statusCode }) => statusCode)).toEqual([200, 206, 304, 200])
    for (const { headers } of reads)
      expect(headers['durability']).toBe(`copies=1, fsynced=1, zones=1, crc32=:${crc32}:`)
    expect((await get('/v1/entries/f')).json()).toMatchObject({ copies: 1, promised: 3 })
    expect((await put('/v1/files/f', CONTENT)).headers['durability']).toBe(written.headers['durability'])

    node.memory.now = { copies: 2, zones: 1, firstChunks: 64 }
    const long = `copies=2;first-chunks=64, fsynced=2, zones=1, crc32=:${crc32}:`
    expect((await get('/v1/files/f')).headers['durability']).toBe(long)
  })

  test('says what was promised if nothing else is known of the copies', async () => {
    const { headers } = await put('/v1/files/f', CONTENT)
    expect((await get('/v1/files/f')).headers['durability']).toBe(headers['durability'])
    expect((await get('/v1/entries/f')).json()).toMatchObject({ copies: 3, promised: 3 })
  })

  test.each([
    ['bytes=0-3', 206, 'The ', 'bytes 0-3/19'],
    ['bytes=4-', 206, 'quick brown fox', 'bytes 4-18/19'],
    ['bytes=-3', 206, 'fox', 'bytes 16-18/19'],
    ['bytes=-100', 206, CONTENT.toString(), 'bytes 0-18/19'],
    ['bytes=16-100', 206, 'fox', 'bytes 16-18/19'],
    ['bytes=0-0,2-3', 200, CONTENT.toString(), undefined],
    ['bytes=3-2', 200, CONTENT.toString(), undefined],
    ['lines=0-1', 200, CONTENT.toString(), undefined],
    ['bytes=19-', 416, null, 'bytes */19'],
    ['bytes=-0', 416, null, 'bytes */19'],
  ])('Range: %s is answered with %i', async (range, status, body, contentRange) => {
    node.memory.store('/f', CONTENT)
    const reply = await get('/v1/files/f', { range })
    expect(reply.statusCode).toBe(status)
    expect(status === 416 ? null : reply.body).toBe(body)
    expect(reply.headers['content-range']).toBe(contentRange)
  })

  test('If-Range lets a range count only for the same version', async () => {
    const { info } = node.memory.store('/f', CONTENT)
    const status = async (ifRange: string) =>
      (await get('/v1/files/f', { range: 'bytes=0-1', 'if-range': ifRange })).statusCode
    expect(await status(formatEtag(info.version))).toBe(206)
    expect(await status(`W/${formatEtag(info.version)}`)).toBe(200)
    expect(await status('"1"')).toBe(200)
    expect(await status('Fri, 02 Jan 2026 03:04:05 GMT')).toBe(206)
    expect(await status('Fri, 02 Jan 2026 03:04:06 GMT')).toBe(200)
  })

  test('answers conditions from the version that is there', async () => {
    const { info } = node.memory.store('/f', CONTENT)
    const etag = formatEtag(info.version)
    const date = 'Fri, 02 Jan 2026 03:04:05 GMT'
    for (const headers of [
      { 'if-none-match': etag },
      { 'if-none-match': `"x", W/${etag}` },
      { 'if-none-match': '*' },
      { 'if-modified-since': date },
    ]) {
      const reply = await get('/v1/files/f', headers)
      expect([reply.statusCode, reply.body, reply.headers.etag]).toEqual([304, '', etag])
    }
    expect((await get('/v1/files/f', { 'if-match': '"1"' })).statusCode).toBe(412)
    expect((await get('/v1/files/f', { 'if-none-match': '"1"', 'if-modified-since': date })).statusCode).toBe(
      200,
    )
  })

  test('reads an earlier version by its tag', async () => {
    const { info } = node.memory.store('/f', Buffer.from('old'))
    node.memory.store('/f', Buffer.from('new'))
    expect((await get(`/v1/files/f?version=${formatEtag(info.version).slice(1, -1)}`)).body).toBe('old')
    expect((await get('/v1/files/f?version=zz')).statusCode).toBe(400)
    expect((await get('/v1/files/f?versoin=1')).statusCode).toBe(400)
  })

  test('HEAD has the headers of GET', async () => {
    node.memory.store('/f', CONTENT)
    const head = await node.app.inject({ method: 'HEAD', url: '/v1/files/f' })
    const { headers } = await get('/v1/files/f')
    const { 'dfs-request-id': _id, connection: _c, ...expected } = headers
    expect(head.headers).toMatchObject(expected)
    expect(head.body).toBe('')
  })

  test('a failure before the first byte is an answer', async () => {
    node.memory.store('/f', CONTENT)
    node.memory.breakAfter = 0
    const reply = await get('/v1/files/f')
    expect(reply.statusCode).toBe(503)
    expect(reply.json()).toMatchObject({ code: 'DATA_UNAVAILABLE' })
    expect(reply.headers['content-type']).toBe('application/problem+json')
    expect(reply.headers['content-length']).toBe(String(Buffer.byteLength(reply.body)))
  })
})

describe('POST and DELETE', () => {
  test('POST creates once', async () => {
    const first = await node.app.inject({ method: 'POST', url: '/v1/files/n%C3%BC' })
    expect(first.statusCode).toBe(201)
    expect(first.headers.location).toBe('/v1/files/n%C3%BC')
    expect(first.json()).toMatchObject({ size: 0, crc32: '00000000', path: '/nü' })
    expect((await node.app.inject({ method: 'POST', url: '/v1/files/n%C3%BC' })).statusCode).toBe(409)
    expect((await node.app.inject({ method: 'POST', url: '/v1/files/x', payload: 'x' })).statusCode).toBe(400)
  })

  test('DELETE removes, under conditions', async () => {
    const { info } = node.memory.store('/f', CONTENT)
    const remove = (headers: Record<string, string>) =>
      node.app.inject({ method: 'DELETE', url: '/v1/files/f', headers })
    expect((await remove({ 'if-match': '"1"' })).statusCode).toBe(412)
    const reply = await remove({ 'if-match': formatEtag(info.version) })
    expect([reply.statusCode, reply.body]).toEqual([204, ''])
    expect((await remove({})).statusCode).toBe(404)
  })
})

describe('errors', () => {
  test.each([
    [new QueueFullError('full'), 'TOO_BUSY', 'TOO_BUSY'],
    [new TransportError('gone', { wasSent: false }), 'UNAVAILABLE', 'UNAVAILABLE'],
    [new TransportError('gone', { wasSent: true }), 'TIMEOUT_ERROR', 'UNAVAILABLE'],
    [new DfsError('COPY_ERROR', 'few'), 'COPY_ERROR', 'COPY_ERROR'],
    [new Error('secret'), 'INTERNAL', 'INTERNAL'],
  ])('%s is %s for a change and %s for a read', async (failure, forChange, forRead) => {
    node.memory.failure = failure
    const change = await put('/v1/files/f', 'x')
    node.memory.failure = failure
    const read = await get('/v1/files/f')
    expect([change.json().code, read.json().code]).toEqual([forChange, forRead])
    for (const reply of [change, read]) {
      expect(reply.body).not.toContain('secret')
      expect(reply.json().requestId).toBe(reply.headers['dfs-request-id'])
      expect(reply.headers['retry-after'] !== undefined).toBe(reply.statusCode === 503)
    }
  })

  test('a request id is taken over if it is well formed', async () => {
    expect((await get('/healthz', { 'dfs-request-id': 'abc.1' })).headers['dfs-request-id']).toBe('abc.1')
    expect((await get('/healthz', { 'dfs-request-id': 'a b' })).headers['dfs-request-id']).not.toBe('a b')
  })
})
