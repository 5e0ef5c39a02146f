/**
 * What clients rely on in the REST contract, said once for the real cluster and for the fake one that the tests of
 * `@dfs/client` and the `dfs` command talk to: statuses, headers, bodies and refusals. So the fake cannot come to promise
 * what no cluster keeps. Every test works in a directory of its own.
 */
import {
  ClusterStatusView,
  CopyCheckView,
  DirectoryListing,
  Explanation,
  HEADERS,
  HealthView,
  parsePosition,
  ServerListView,
  RecoveryView,
  RepairsView,
  WeakFiles,
} from '@dfs/protocol'
import { type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Asked, RestCaller, type RestNodes } from './rest-caller.ts'
import { refusalsContract } from './rest-refusals.contract.ts'

export interface RestKind {
  readonly name: string
  readonly withinMs: number
  start(): Promise<RestNodes>
}

export function restContract(kind: RestKind): void {
  describe(`REST (${kind.name})`, () => {
    let nodes: RestNodes
    const caller = (): RestCaller => new RestCaller(nodes)

    beforeAll(async () => {
      nodes = await kind.start()
    }, kind.withinMs)
    afterAll(() => nodes.end(), kind.withinMs)

    filesContract(caller)
    versionsContract(caller)
    treesContract(caller)
    nodesContract(caller)
    refusalsContract(caller)
  })
}

const text = { 'content-type': 'text/plain', [HEADERS.executable]: '?1' }
const CRC_OF_HELLO = '3610a686'
const RECEIPT_OF_HELLO = /^copies=[1-3], fsynced=[1-3], zones=[1-3], crc32=:NhCmhg==:$/

function filesContract(make: () => RestCaller): void {
  it('a write says what was stored, whether the path was new, and gives a receipt', async () => {
    const caller = make()
    const asked: Asked = { headers: text, body: 'hello' }
    const first = await caller.say('PUT', '/v1/files/write/a%20%23.txt', asked)
    expect(first).toMatchObject({
      status: 201,
      body: {
        kind: 'file',
        path: '/write/a #.txt',
        size: 5,
        contentType: 'text/plain',
        executable: true,
        crc32: CRC_OF_HELLO,
      },
    })
    expect(first.headers.get('content-type')).toMatch(/^application\/json/)
    expect(first.headers.get(HEADERS.durability)).toMatch(RECEIPT_OF_HELLO)
    expect(first.headers.get('etag')).toBe(first.at('etag'))
    expect(`"${first.headers.get(HEADERS.operation)}"`).toBe(first.at('etag'))
    const second = await caller.say('PUT', '/v1/files/write/a%20%23.txt', asked)
    expect(second.status).toBe(200)
    expect(second.at('etag')).not.toBe(first.at('etag'))
  })

  it('an empty file is created once, and its place named', async () => {
    const caller = make()
    const created = await caller.say('POST', '/v1/files/create/a%20b')
    expect(created).toMatchObject({ status: 201, body: { path: '/create/a b', size: 0, executable: false } })
    expect(created.at('contentType')).toBe('application/octet-stream')
    expect(created.headers.get('location')).toBe('/v1/files/create/a%20b')
    expect(created.headers.get('etag')).toBe(created.at('etag'))
    expect(await caller.refusal('POST', '/v1/files/create/a%20b')).toBe('409 FILE_EXISTS')
  })

  it('a chunk server sends the bytes, and what is known of them; the master sends its caller there', async () => {
    const caller = make()
    const { headers: written } = await caller.say('PUT', '/v1/files/read/a', { headers: text, body: 'hello' })
    const read = await caller.say('GET', '/v1/files/read/a')
    expect(read).toMatchObject({ status: 200, text: 'hello' })
    expect(read.headersOf('content-length', 'content-type', 'accept-ranges', HEADERS.executable)).toEqual([
      '5',
      'text/plain',
      'bytes',
      '?1',
    ])
    for (const name of ['etag', HEADERS.durability])
      expect(read.headers.get(name), name).toBe(written.get(name))
    const sent = await caller.say('GET', '/v1/files/read/a', { isMaster: true })
    expect(sent.status).toBe(307)
    expect((await fetch(sent.headers.get('location')!)).status).toBe(200)
    expect(await caller.refusal('GET', '/v1/files/read/none', { isMaster: true })).toBe('404 FILE_NOT_FOUND')
  })

  it('the copies that there are now are said with the bytes, with a part of them, and with the entry', async () => {
    const caller = make()
    await caller.say('PUT', '/v1/files/kept/a', { body: 'hello' })
    const whole = await caller.say('GET', '/v1/files/kept/a')
    const part = await caller.say('GET', '/v1/files/kept/a', { headers: { range: 'bytes=1-2' } })
    const [said, saidOfPart] = [whole, part].map(({ headers }) => headers.get(HEADERS.durability))
    expect(said).toMatch(RECEIPT_OF_HELLO)
    expect([part.status, saidOfPart]).toEqual([206, said])
    const entry = await caller.say('GET', '/v1/entries/kept/a')
    expect(`copies=${Number(entry.at('copies'))}, `).toBe(/^copies=\d, /.exec(said!)![0])
    expect(entry.at('promised')).toBeGreaterThanOrEqual(1)
  })

  it('a file without bytes needs no copies, and has none', async () => {
    const caller = make()
    await caller.say('POST', '/v1/files/kept/empty')
    const read = await caller.say('GET', '/v1/files/kept/empty')
    expect(read.headers.get(HEADERS.durability)).toBe('copies=0, fsynced=0, zones=0, crc32=:AAAAAA==:')
    expect(await caller.say('GET', '/v1/entries/kept/empty')).toMatchObject({ body: { copies: 0 } })
  })

  it('a range is a part with its place; one beyond the end is refused with the size', async () => {
    const caller = make()
    await caller.say('PUT', '/v1/files/range/a', { body: '0123456789' })
    const ranged = async (range: string) => {
      const {
        status,
        text: bytes,
        headers,
      } = await caller.say('GET', '/v1/files/range/a', {
        headers: { range },
      })
      return [status, status < 300 ? bytes : '', headers.get('content-range')]
    }
    expect(await ranged('bytes=2-4')).toEqual([206, '234', 'bytes 2-4/10'])
    expect(await ranged('bytes=8-')).toEqual([206, '89', 'bytes 8-9/10'])
    expect(await ranged('bytes=8-99')).toEqual([206, '89', 'bytes 8-9/10'])
    expect(await ranged('bytes=-3')).toEqual([206, '789', 'bytes 7-9/10'])
    expect(await ranged('bytes=10-')).toEqual([416, '', 'bytes */10'])
    expect(await ranged('bytes=5-4')).toEqual([200, '0123456789', null])
    expect(await caller.refusal('GET', '/v1/files/range/a', { headers: { range: 'bytes=10-' } })).toBe(
      '416 RANGE_NOT_SATISFIABLE',
    )
  })
}

function versionsContract(make: () => RestCaller): void {
  it('an earlier version is read by its tag, also after the file was replaced and deleted', async () => {
    const caller = make()
    const first = await caller.say('PUT', '/v1/files/versions/a', { body: 'one' })
    await caller.say('PUT', '/v1/files/versions/a', { body: 'two' })
    const old = `/v1/files/versions/a?version=${first.etag.replaceAll('"', '')}`
    expect(await caller.say('GET', old)).toMatchObject({ status: 200, text: 'one' })
    await caller.say('DELETE', '/v1/files/versions/a')
    expect(await caller.refusal('GET', '/v1/files/versions/a')).toBe('404 FILE_NOT_FOUND')
    expect(await caller.refusal('GET', '/v1/files/versions/a?version=fffffffffff')).toBe('404 FILE_NOT_FOUND')
    expect(await caller.refusal('GET', '/v1/files/versions/a?version=latest')).toBe('400 INVALID_REQUEST')
  })

  it('conditions hold for the version that stands there', async () => {
    const caller = make()
    const path = '/v1/files/conditions/a'
    const refused = '412 PRECONDITION_FAILED'
    expect(await caller.refusal('PUT', path, { headers: { 'if-match': '*' } })).toBe(refused)
    const { etag: old } = await caller.say('PUT', path, { headers: { 'if-none-match': '*' }, body: '1' })
    expect(await caller.refusal('PUT', path, { headers: { 'if-none-match': '*' } })).toBe(refused)
    const { etag } = await caller.say('PUT', path, { headers: { 'if-match': old }, body: '2' })
    for (const method of ['PUT', 'GET', 'DELETE'] as const) {
      expect(await caller.refusal(method, path, { headers: { 'if-match': old } }), method).toBe(refused)
    }
    expect(await caller.say('GET', path, { headers: { 'if-match': etag } })).toMatchObject({ text: '2' })
    expect((await caller.say('GET', path, { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await caller.say('DELETE', path, { headers: { 'if-match': `${old}, ${etag}` } })).status).toBe(
      204,
    )
  })

  it('a change under a key happens once, and its repetition gets the first answer, marked', async () => {
    const caller = make()
    const once = { [HEADERS.idempotencyKey]: `"once-${Math.random()}"` }
    const first = await caller.say('POST', '/v1/files/keys/a', { headers: once })
    expect([first.status, first.headers.get(HEADERS.idempotencyReplayed)]).toEqual([201, null])
    const again = await caller.say('POST', '/v1/files/keys/a', { headers: once })
    expect([again.status, again.headers.get(HEADERS.idempotencyReplayed)]).toEqual([201, '?1'])
    expect(again.etag).toBe(first.etag)
    const refused = { [HEADERS.idempotencyKey]: `"refused-${Math.random()}"` }
    expect(await caller.refusal('POST', '/v1/files/keys/a', { headers: refused })).toBe('409 FILE_EXISTS')
    await caller.say('DELETE', '/v1/files/keys/a')
    const kept = await caller.say('POST', '/v1/files/keys/a', { headers: refused })
    expect([kept.status, kept.headers.get(HEADERS.idempotencyReplayed)]).toEqual([409, '?1'])
  })
}

function treesContract(make: () => RestCaller): void {
  it('directories are made with their parents, and deleted empty or with all that they hold', async () => {
    const caller = make()
    const made = await caller.say('PUT', '/v1/directories/trees/a/b')
    expect(made).toMatchObject({ status: 201, body: { path: '/trees/a/b' } })
    expect(made.headers.get(HEADERS.operation)).toBe(made.at('operation'))
    expect((await caller.say('PUT', '/v1/directories/trees/a')).status).toBe(200)
    expect(await caller.say('GET', '/v1/entries/trees/a')).toMatchObject({
      status: 200,
      body: { kind: 'directory', path: '/trees/a' },
    })
    expect(await caller.refusal('DELETE', '/v1/directories/trees/a')).toBe('409 DIRECTORY_NOT_EMPTY')
    const deleted = await caller.say('DELETE', '/v1/directories/trees/a?recursive=true')
    expect([deleted.status, deleted.text]).toEqual([204, ''])
    expect(deleted.headers.get(HEADERS.operation)).toMatch(/^[0-9a-f]+$/)
    expect(await caller.refusal('GET', '/v1/entries/trees/a/b')).toBe('404 FILE_NOT_FOUND')
    expect((await caller.say('DELETE', '/v1/directories/trees')).status).toBe(204)
  })

  it('a listing is in order, page by page, and of the whole tree if that is asked for', async () => {
    const caller = make()
    for (const name of ['b', 'a/x', 'a%20z', 'c'])
      await caller.say('PUT', `/v1/files/list/${name}`, { body: '' })
    await caller.say('PUT', '/v1/links/list/l', { json: { target: 'b' } })
    const list = async (query: string) => {
      const { body } = await caller.say('GET', `/v1/directories/list?${query}`)
      expect(Value.Errors(DirectoryListing, body)).toEqual([])
      const { entries, next } = body as DirectoryListing
      return [entries.map(({ path, kind }) => `${kind} ${path}`), next]
    }
    const all = ['directory a', 'file a z', 'file b', 'file c', 'link l']
    expect(await list('')).toEqual([all, null])
    expect(await list('limit=2')).toEqual([all.slice(0, 2), 'a z'])
    expect(await list('limit=3&after=a%20z')).toEqual([all.slice(2), null])
    expect(await list('limit=3&recursive=true')).toEqual([['directory a', 'file a/x', 'file a z'], 'a z'])
  })

  it('links are kept as they are given, and replaced by links alone', async () => {
    const caller = make()
    const link = (target: string) => caller.say('PUT', '/v1/links/links/l', { json: { target } })
    expect(await link('../else where')).toMatchObject({ status: 201, body: { path: '/links/l' } })
    expect(await link('b')).toMatchObject({ status: 200 })
    const view = { kind: 'link', path: '/links/l', target: 'b' }
    expect((await caller.say('GET', '/v1/links/links/l')).body).toMatchObject(view)
    expect((await caller.say('GET', '/v1/entries/links/l')).body).toMatchObject(view)
    expect((await caller.say('DELETE', '/v1/files/links/l')).status).toBe(204)
  })

  it('a move takes everything along, and replaces files and links', async () => {
    const caller = make()
    const move = (from: string, to: string) => caller.say('POST', '/v1/moves', { json: { from, to } })
    const written = await caller.say('PUT', '/v1/files/moves/d/f', { body: 'kept' })
    await caller.say('PUT', '/v1/files/moves/old', { body: 'replaced' })
    const moved = await move('/moves/d', '/moves/e')
    expect(moved).toMatchObject({ status: 200, body: { path: '/moves/e' } })
    expect(moved.headers.get(HEADERS.operation)).toBe(moved.at('operation'))
    expect(await caller.refusal('GET', '/v1/files/moves/d/f')).toBe('404 FILE_NOT_FOUND')
    expect((await move('/moves/e/f', '/moves/old')).status).toBe(200)
    const read = await caller.say('GET', '/v1/files/moves/old')
    expect([read.text, read.etag]).toEqual(['kept', written.etag])
  })
}

function nodesContract(make: () => RestCaller): void {
  it.each([true, false])('every node says who is there and how it is (master: %s)', async (isMaster) => {
    const caller = make()
    const ask = async (target: string, schema: TSchema) => {
      const { status, body } = await caller.say('GET', target, { isMaster })
      expect([status, Value.Errors(schema, body)], target).toEqual([200, []])
    }
    await ask('/v1/servers', ServerListView)
    await ask('/v1/cluster', ClusterStatusView)
    await ask('/v1/checks', CopyCheckView)
    await ask('/v1/health', HealthView)
    await ask('/v1/explain?state=lost', WeakFiles)
    await ask('/v1/repairs?limit=5', RepairsView)
    await ask('/v1/recovery?limit=5', RecoveryView)
    await ask('/v1/explain?state=short&limit=1', WeakFiles)
    expect((await caller.say('GET', '/healthz', { isMaster })).status).toBe(200)
    expect(await caller.say('GET', '/readyz', { isMaster })).toMatchObject({
      status: 200,
      body: { status: 'ok' },
    })
  })

  it('a file is explained, and what is none is refused', async () => {
    const caller = make()
    await caller.say('PUT', '/v1/files/explained/f', { body: 'hello' })
    const { status, body } = await caller.say('GET', '/v1/explain/explained/f')
    expect([status, Value.Errors(Explanation, body)]).toEqual([200, []])
    expect(body).toMatchObject({ path: '/explained/f', size: 5, wanted: 3, next: null })
    expect(await caller.refusal('GET', '/v1/explain/explained/none')).toBe('404 FILE_NOT_FOUND')
    expect(await caller.refusal('GET', '/v1/explain/explained')).toBe('409 IS_A_DIRECTORY')
    expect(await caller.refusal('GET', '/v1/explain?state=none')).toBe('400 INVALID_REQUEST')
  })

  it('a backup comes from the master, with what it is; others send their callers there', async () => {
    const caller = make()
    const sent = await caller.say('GET', '/v1/backup')
    expect(sent.status).toBe(307)
    const followed = await fetch(sent.headers.get('location')!)
    const bytes = Buffer.from(await followed.arrayBuffer())
    expect(bytes.subarray(0, 15).toString()).toBe('SQLite format 3')
    const { headers } = followed
    expect(headers.get('content-type')).toBe('application/vnd.sqlite3')
    expect(headers.get(HEADERS.size)).toBe(String(bytes.byteLength))
    expect(headers.get(HEADERS.clusterId)).toMatch(/^[0-9a-f]{32}$/)
    expect(parsePosition(headers.get(HEADERS.position)!)).not.toBeNull()
    expect(headers.get(HEADERS.schema)).toMatch(/^\d+$/)
    expect(headers.get('trailer')).toBe(HEADERS.crc32)
  })

  it.each([true, false])(
    'a server that is there is not removed, nor is one that nobody knows (master: %s)',
    async (isMaster) => {
      const caller = make()
      const { body } = await caller.say('GET', '/v1/servers')
      const { name, id } = (body as ServerListView).servers[0]!
      const remove = (server: string, json: unknown): Promise<string> =>
        caller.refusal('POST', `/v1/servers/${server}/removal`, { isMaster, json })
      expect(await remove(name, { lost: true })).toBe('409 SERVER_ALIVE')
      expect(await remove(name, { lost: true, id, acceptLoss: true })).toBe('409 SERVER_ALIVE')
      expect(await remove(name, { lost: true, id: id + 1_000_000 })).toBe('404 SERVER_NOT_FOUND')
      expect(await remove('nobody', { lost: true })).toBe('404 SERVER_NOT_FOUND')
      expect(await remove(name, { lost: false })).toBe('400 INVALID_REQUEST')
      const only = await caller.say('GET', `/v1/explain?state=only-on&server=${name}`, { isMaster })
      expect([only.status, Value.Errors(WeakFiles, only.body)]).toEqual([200, []])
      expect(await caller.refusal('GET', '/v1/explain?state=only-on', { isMaster })).toBe(
        '400 INVALID_REQUEST',
      )
    },
  )

  it('the id of a request comes back with its answer, and with its refusal', async () => {
    const caller = make()
    const headers = { [HEADERS.requestId]: 'find-me-1' }
    const well = await caller.say('GET', '/v1/servers', { headers })
    const refused = await caller.say('GET', '/v1/files/none', { headers })
    expect([well, refused].map((reply) => reply.headers.get(HEADERS.requestId))).toEqual([
      'find-me-1',
      'find-me-1',
    ])
    expect(refused.at('requestId')).toBe('find-me-1')
  })
}
