/** Metadata, redirects, browsers and the document, on both kinds of node. */
import { DfsError, type Problem } from '@dfs/protocol'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ENDPOINTS, WORKER, buildTestApp, type TestApp } from './support/apps.ts'

interface Answer {
  readonly description: string
  readonly content?: Record<string, { readonly examples?: Record<string, { readonly value: Problem }> }>
}

let node: TestApp
beforeEach(async () => {
  node = await buildTestApp('serve')
  return () => node.app.close()
})
const send = (method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'OPTIONS', url: string, payload?: object) =>
  node.app.inject({ method, url, ...(payload === undefined ? null : { payload }) })

test('GET /v1/workers tells what this node does in the background, and where the master is', async () => {
  const reply = await node.app.inject({ url: '/v1/workers', headers: { host: 'dfs.test:7071' } })
  expect(reply.headers['cache-control']).toBe('no-store')
  expect(reply.json()).toEqual({ node: 'chunk-1', masterUrl: 'http://dfs.test:7070', workers: [WORKER] })
  expect((await send('POST', '/v1/workers')).statusCode).toBe(405)
  expect((await send('GET', '/v1/workers?all=true')).statusCode).toBe(400)
})

test('GET /v1/health is 200 whatever it says, and unknown where nobody can be asked', async () => {
  const reply = await send('GET', '/v1/health')
  expect([reply.statusCode, reply.headers['cache-control']]).toEqual([200, 'no-store'])
  expect(reply.json()).toMatchObject({ state: 'degraded', reasons: [{ code: 'files-short', count: 1 }] })
  node.memory.failure = new DfsError('UNAVAILABLE', 'the master is stopping')
  const refused = await send('GET', '/v1/health')
  expect([refused.statusCode, refused.json()]).toMatchObject([
    200,
    { state: 'unknown', counts: null, reasons: [{ text: 'the master is stopping' }] },
  ])
  expect((await send('POST', '/v1/health')).statusCode).toBe(405)
})

test('GET /v1/recovery tells of the last new history, page by page, and a POST confirms it', async () => {
  const first = (await send('GET', '/v1/recovery?limit=1')).json<{ next: string }>()
  expect(first).toMatchObject({
    recovery: { copy: { transaction: 81_204 }, seen: { transaction: 81_209 }, confirmedMs: null },
    writes: [{ placed: '/lost+found/a/long one', gap: expect.any(String) }],
  })
  const rest = (await send('GET', `/v1/recovery?before=${first.next}`)).json<object>()
  expect(rest).toMatchObject({ writes: [{ placed: null }], next: null })
  for (const query of ['?limit=0', '?limit=1001', '?before=x', '?other=1']) {
    expect((await send('GET', `/v1/recovery${query}`)).statusCode, query).toBe(400)
  }
  const confirmed = await send('POST', '/v1/recovery/confirmations')
  expect(confirmed.json<object>()).toMatchObject({ recovery: { confirmedMs: 9 } })
})

test('GET /v1/repairs lists copies that are made again, page by page', async () => {
  const first = (await send('GET', '/v1/repairs?limit=1')).json<{ next: string }>()
  expect(first).toMatchObject({ repairs: [{ volume: '100000004', state: 'running', secondsLeft: 8 }] })
  const rest = (await send('GET', `/v1/repairs?before=${first.next}`)).json<object>()
  expect(rest).toMatchObject({ repairs: [{ state: 'done' }], next: null })
  for (const query of ['?limit=0', '?before=x', '?after=1'])
    expect((await send('GET', `/v1/repairs${query}`)).statusCode, query).toBe(400)
})

test('GET /v1/explain explains a file from a byte on, and lists what has too few copies', async () => {
  node.memory.store('/a/file', Buffer.from('12345'))
  const url = '/v1/explain/a/file'
  expect((await send('GET', url)).json()).toMatchObject({ path: '/a/file', size: 5, next: 7 })
  expect((await send('GET', `${url}?from=7`)).json()).toMatchObject({ next: null })
  expect((await send('GET', '/v1/explain/none')).json()).toMatchObject({ code: 'FILE_NOT_FOUND' })
  expect((await send('GET', '/v1/explain?state=short&limit=5')).json()).toMatchObject({
    state: 'short',
    files: [{ path: '/file' }],
    total: 4,
  })
  for (const query of ['', '?state=well', '?state=lost&limit=0', '?state=lost&from=1'])
    expect((await send('GET', `/v1/explain${query}`)).statusCode, query).toBe(400)
})

describe('directories', () => {
  test('PUT creates once, GET lists by pages, DELETE removes', async () => {
    expect((await send('PUT', '/v1/directories/a/')).statusCode).toBe(201)
    expect((await send('PUT', '/v1/directories/a')).statusCode).toBe(200)
    for (const name of ['x', 'y', 'z']) node.memory.store(`/a/${name}`, new Uint8Array())
    const first = await send('GET', '/v1/directories/a?limit=2')
    expect(first.json()).toMatchObject({ path: '/a', entries: [{ path: 'x' }, { path: 'y' }], next: 'y' })
    const second = await send('GET', '/v1/directories/a?limit=2&after=y')
    expect(second.json()).toMatchObject({ entries: [{ path: 'z' }], next: null })
    expect((await send('DELETE', '/v1/directories/a?recursive=true')).statusCode).toBe(204)
    expect(node.memory.commands.at(-1)).toEqual({ kind: 'deleteDirectory', path: '/a', recursive: true })
    expect((await send('GET', '/v1/directories/a')).json()).toMatchObject({ code: 'DIRECTORY_NOT_FOUND' })
  })

  test('the root is listed under two names and is never deleted', async () => {
    for (const url of ['/v1/directories', '/v1/directories/']) {
      expect((await send('GET', url)).json()).toMatchObject({ path: '/' })
    }
    expect((await send('DELETE', '/v1/directories/')).statusCode).toBe(400)
    expect((await send('DELETE', '/v1/directories')).statusCode).toBe(405)
  })

  test('conditions that would not be kept are refused', async () => {
    const reply = await node.app.inject({
      method: 'PUT',
      url: '/v1/directories/a',
      headers: { 'if-none-match': '*' },
    })
    expect(reply.statusCode).toBe(400)
  })
})

describe('links, entries and moves', () => {
  test('a link is kept as given and never followed', async () => {
    expect((await send('PUT', '/v1/links/l', { target: '../x' })).statusCode).toBe(201)
    expect((await send('GET', '/v1/links/l')).json()).toMatchObject({
      kind: 'link',
      path: '/l',
      target: '../x',
    })
    node.memory.store('/f', new Uint8Array())
    expect((await send('GET', '/v1/links/f')).json()).toMatchObject({ code: 'NOT_A_LINK' })
    expect((await node.app.inject({ method: 'HEAD', url: '/v1/files/l' })).statusCode).toBe(409)
  })

  test.each([[''], ['a\0b'], ['\ud800'], ['é'.repeat(2049)]])('%j is no target', async (target) => {
    expect((await send('PUT', '/v1/links/l', { target })).statusCode).toBe(400)
  })

  test('entries of every kind', async () => {
    node.memory.store('/f', new Uint8Array())
    await send('PUT', '/v1/links/l', { target: 'x' })
    const kinds = await Promise.all(
      ['f', 'l', ''].map(async (path) => (await send('GET', `/v1/entries/${path}`)).json().kind),
    )
    expect(kinds).toEqual(['file', 'link', 'directory'])
    expect((await send('GET', '/v1/entries/none')).statusCode).toBe(404)
  })

  test('a move is one command', async () => {
    node.memory.store('/f', new Uint8Array())
    const reply = await send('POST', '/v1/moves', { from: 'f', to: '/g/h' })
    expect(reply.json()).toMatchObject({ path: '/g/h', operation: reply.headers['dfs-operation'] })
    expect(node.memory.commands.at(-1)).toEqual({ kind: 'move', from: '/f', to: '/g/h' })
    expect((await send('POST', '/v1/moves', { from: '/', to: '/x' })).statusCode).toBe(400)
  })
})

test('servers are named by addresses that the caller can reach', async () => {
  const reply = await node.app.inject({ url: '/v1/servers', headers: { host: '192.0.2.1:7070' } })
  expect(reply.json().servers).toMatchObject([{ id: 1, url: 'http://192.0.2.1:7071', isPreferred: true }])
  expect((await send('GET', '/v1/cluster')).json()).toMatchObject({
    clusterId: 'c0ffee',
    totals: { links: 3 },
  })
})

test('readiness says why not, health answers all the same', async () => {
  const { app } = await buildTestApp('serve', {
    readiness: () => ({ whyNot: 'starting: opening volumes', missing: null }),
  })
  const reply = await app.inject('/readyz')
  expect(reply.statusCode).toBe(503)
  expect(reply.json()).toMatchObject({ code: 'UNAVAILABLE', detail: 'starting: opening volumes' })
  expect((await app.inject('/healthz')).statusCode).toBe(200)
  await app.close()
})

test('405 names the methods that there are', async () => {
  const reply = await send('PUT', '/v1/servers')
  expect([reply.statusCode, reply.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS'])
  const options = await send('OPTIONS', '/v1/files/x')
  expect([options.statusCode, options.headers.allow]).toEqual([204, 'DELETE, GET, HEAD, OPTIONS, POST, PUT'])
})

describe('browsers', () => {
  test('a page of the cluster may call every node of it', async () => {
    const preflight = await node.app.inject({
      method: 'OPTIONS',
      url: '/v1/files/x',
      headers: {
        origin: 'http://localhost:7070',
        host: 'localhost:7071',
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type,if-match',
      },
    })
    expect(preflight.statusCode).toBe(204)
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'http://localhost:7070',
      'access-control-allow-methods': expect.stringContaining('PUT'),
      'access-control-allow-headers': 'content-type,if-match',
      vary: 'origin',
    })
  })

  test('a page of the cluster can read why it was refused', async () => {
    for (const url of [`/v1/files/${'a'.repeat(40_000)}`, '/v1/files/x']) {
      const headers = { origin: 'http://localhost:7070', host: 'localhost:7071' }
      const reply = await node.app.inject({ method: 'DELETE', url, headers, payload: 'a body' })
      expect([400, 414]).toContain(reply.statusCode)
      expect(reply.headers['access-control-allow-origin']).toBe('http://localhost:7070')
    }
  })

  test.each(['http://evil.example', 'null', 'http://localhost:3000', 'https://localhost:7070'])(
    '%s is told nothing',
    async (origin) => {
      const { headers } = await node.app.inject({
        url: '/v1/servers',
        headers: { origin, host: 'localhost:7071' },
      })
      expect(headers['access-control-allow-origin']).toBeUndefined()
      expect(headers['cross-origin-resource-policy']).toBe('same-origin')
    },
  )
})

describe('the master', () => {
  let master: TestApp
  beforeAll(async () => {
    master = await buildTestApp('pass-on')
    master.memory.store('/f', Buffer.from('content'))
  })
  afterAll(() => master.app.close())

  test('sends readers on, to a name that they know', async () => {
    for (const [method, status] of [
      ['GET', 307],
      ['HEAD', 200],
    ] as const) {
      const reply = await master.app.inject({
        method,
        url: '/v1/files/f',
        headers: { host: 'dfs.test:7070' },
      })
      expect(reply.statusCode).toBe(status)
      if (status !== 307) continue
      expect(reply.headers.location).toBe('http://dfs.test:7071/v1/files/f')
      expect(reply.json()).toMatchObject({
        location: reply.headers.location,
        hint: expect.stringContaining('-L'),
      })
    }
  })

  test('answers by itself what metadata can decide', async () => {
    const { etag } = (await master.app.inject({ method: 'HEAD', url: '/v1/files/f' })).headers
    const status = async (url: string, headers: Record<string, string>) =>
      (await master.app.inject({ url, headers })).statusCode
    expect(await status('/v1/files/none', {})).toBe(404)
    expect(await status('/v1/files/f', { 'if-none-match': String(etag) })).toBe(304)
    expect(await status('/v1/files/f', { 'if-match': '"1"' })).toBe(412)
    expect(await status('/v1/files/f', { 'if-match': String(etag) })).toBe(307)
  })

  test('takes what is written as a chunk server does, and never sends a body to another place', async () => {
    const put = (headers: Record<string, string>) =>
      master.app.inject({ method: 'PUT', url: '/v1/files/new', headers, payload: 'content' })
    const first = await put({})
    expect(first.statusCode).toBe(201)
    expect(first.headers).toMatchObject({ etag: expect.any(String), durability: expect.any(String) })
    expect(first.headers.location).toBeUndefined()
    expect((await put({ 'if-none-match': '*' })).statusCode).toBe(412)
    expect((await put({ 'content-encoding': 'gzip' })).statusCode).toBe(415)
    expect((await put({ 'content-digest': 'sha-256=:AAAA:' })).statusCode).toBe(400)
  })

  test('goes to the advertised URL, or says that nobody is there', async () => {
    const [, , advertised = null] = ENDPOINTS
    for (const [target, status] of [
      [advertised, 307],
      [null, 503],
    ] as const) {
      const write = () => Promise.reject(new Error('nothing is written'))
      const content = { kind: 'pass-on', target: () => target, write, backup: write } as const
      const { app, memory } = await buildTestApp('pass-on', { content })
      memory.store('/f', Buffer.from('content'))
      const reply = await app.inject({ url: '/v1/files/f' })
      expect(reply.statusCode).toBe(status)
      expect(reply.headers.location).toBe(target === null ? undefined : 'https://files.example/v1/files/f')
      expect(reply.headers['retry-after']).toBe(target === null ? '2' : undefined)
      await app.close()
    }
  })

  test('says that a file is lost if every chunk server is dead, and does not ask for another try', async () => {
    const write = () => Promise.reject(new Error('nothing is written'))
    const content = { kind: 'pass-on', target: () => null, write, backup: write } as const
    const { app, memory } = await buildTestApp('pass-on', { content })
    memory.store('/f', Buffer.from('content'))
    memory.store('/empty', Buffer.alloc(0))
    const ask = (url: string) => app.inject({ url })
    expect((await ask('/v1/files/f')).json()).toMatchObject({ code: 'UNAVAILABLE' })
    memory.liveness = 'dead'
    const lost = await ask('/v1/files/f')
    expect(lost.json()).toMatchObject({
      status: 503,
      code: 'DATA_UNAVAILABLE',
      detail: '/f: every chunk server is dead: chunk-1',
    })
    expect(lost.headers['retry-after']).toBeUndefined()
    expect((await ask('/v1/files/empty')).json(), 'it has nothing to lose').toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect((await ask('/v1/files/none')).statusCode).toBe(404)
    await app.close()
  })
})

describe('the API document', () => {
  test('is OpenAPI 3.1, names its components, and every operation', async () => {
    for (const kind of ['serve', 'pass-on'] as const) {
      const { app } = await buildTestApp(kind, { hasDocs: true })
      const document = (await app.inject('/openapi.json')).json()
      expect(document.openapi).toBe('3.1.0')
      expect(Object.keys(document.components.schemas)).toEqual(
        expect.arrayContaining(['FileView', 'Problem']),
      )
      expect(Object.keys(document.paths['/v1/files/{path}']).sort()).toEqual([
        'delete',
        'get',
        'head',
        'post',
        'put',
      ])
      const put = document.paths['/v1/files/{path}'].put
      expect(put.responses['201'].content['application/json'].schema.$ref).toBe(
        '#/components/schemas/FileView',
      )
      expect(put.responses['412'].content['application/problem+json'].schema.$ref).toBe(
        '#/components/schemas/Problem',
      )
      const operations = Object.values<Record<string, { operationId?: string }>>(document.paths).flatMap(
        (path) => Object.values(path).map(({ operationId }) => operationId),
      )
      expect(operations).not.toContain(undefined)
      expect(new Set(operations).size).toBe(operations.length)
      await app.close()
    }
  })

  test('is shown by a page that loads nothing from elsewhere', async () => {
    const { app } = await buildTestApp('serve', { hasDocs: true })
    const page = await app.inject('/docs/')
    expect(page.statusCode).toBe(200)
    expect(page.body).not.toMatch(/(?:src|href)="https?:/)
    const policy = String(page.headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';")
    expect(policy).toContain("frame-ancestors 'none'")
    // It would turn every request into one for https, which nobody answers.
    expect(policy).not.toContain('upgrade-insecure-requests')
    await app.close()
  })

  test.each([
    ['localhost:7071', "'self' http://localhost:7070 http://localhost:7071 https://files.example"],
    ['[::1]:7071', "'self' http://*:7070 http://*:7071 https://files.example"],
  ])('is shown at %s by a page that may talk to the nodes of the cluster alone', async (host, sources) => {
    const { app } = await buildTestApp('pass-on', { hasDocs: true })
    for (const url of ['/docs', '/docs/static/oauth2-redirect.html']) {
      const { headers } = await app.inject({ url, headers: { host } })
      expect(headers['content-security-policy'], url).toContain(`connect-src ${sources};`)
    }
    await app.close()
  })

  test('lets a page offer a file or a text as the content to write', async () => {
    const { app } = await buildTestApp('pass-on', { hasDocs: true })
    const { paths } = (await app.inject('/openapi.json')).json()
    const { put, get, head } = paths['/v1/files/{path}']
    expect(Object.keys(put.requestBody.content)).toEqual(['application/octet-stream', 'text/plain'])
    expect(put.requestBody.content['text/plain'].example).toBe('hello')
    expect(Object.keys(get.responses['200'].content)).toEqual(['*/*'])
    expect(get.parameters[0]).toMatchObject({ in: 'path', example: 'docs/hello.txt' })
    expect(head.operationId).toBe('headFile')
    await app.close()
  })

  test('describes every answer, each error by its own example', async () => {
    const { app } = await buildTestApp('serve', { hasDocs: true })
    const { paths } = (await app.inject('/openapi.json')).json()
    const responses = Object.values<Record<string, { responses: Record<string, Answer> }>>(paths).flatMap(
      (path) => Object.values(path).flatMap((operation) => Object.entries(operation.responses)),
    )
    expect(responses.filter(([, { description }]) => description === 'Default Response')).toEqual([])
    const errors = responses.flatMap(([status, { content }]) =>
      Object.entries(content?.['application/problem+json']?.examples ?? {}).map(([code, { value }]) => ({
        expected: { code, status: Number(status) },
        value,
      })),
    )
    expect(errors.length).toBeGreaterThan(50)
    for (const { expected, value } of errors) expect(value).toMatchObject(expected)
    await app.close()
  })
})
