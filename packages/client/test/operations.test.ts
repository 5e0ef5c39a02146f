/** What the client sends and returns when nothing goes wrong. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createClient, type DfsClient } from '../src/index.ts'
import { seededRandom } from '@dfs/core/testing'
import { FakeCluster, pausingClock } from './fake/index.ts'

let cluster: FakeCluster
let client: DfsClient

beforeEach(async () => {
  cluster = await FakeCluster.start()
  client = createClient({ url: cluster.url, clock: pausingClock(), random: seededRandom() })
})

afterEach(async () => {
  await client.close()
  await cluster[Symbol.asyncDispose]()
})

const bytes = (text: string): Uint8Array => Buffer.from(text)

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(body)).toString()
}

test('A put returns the version, the receipt and whether the path was new.', async () => {
  const first = await client.put('/a/b.txt', bytes('hello'), { contentType: 'text/plain', executable: true })
  expect(first).toMatchObject({
    path: '/a/b.txt',
    size: 5,
    created: true,
    executable: true,
    contentType: 'text/plain',
  })
  expect(first.durability).toEqual({ copies: 3, fsynced: 3, zones: 1, crc32: '3610a686', firstChunks: null })
  const second = await client.put('/a/b.txt', bytes('again'))
  expect(second.created).toBe(false)
  expect(second.etag).not.toBe(first.etag)
  expect(second.operation).not.toBeNull()
})

test('A get and a stat say what copies there are now.', async () => {
  const file = { bytes: bytes('hello'), contentType: 'text/plain', executable: false }
  cluster.tree.write('/whole', file)
  cluster.tree.write('/poor', { ...file, copiesLeft: 1 })
  const copiesOf = async (path: string): Promise<unknown> => {
    await using download = await client.get(path)
    return [download.info.durability?.copies, await client.stat(path)]
  }
  expect(await copiesOf('/whole')).toMatchObject([3, { copies: 3, promised: 3 }])
  expect(await copiesOf('/poor')).toMatchObject([1, { copies: 1, promised: 3 }])
})

test('Content goes straight to the preferred chunk server, never through the master.', async () => {
  await client.put('/x', bytes('1'))
  const { body } = await client.get('/x')
  await textOf(body)
  expect(cluster.calls.map(({ server, method }) => `${method} ${server}`)).toEqual(['PUT 2', 'GET 2'])
})

describe('Sources', () => {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield bytes('one ')
    yield bytes('two')
  }

  test('An iterable of unknown length is sent in chunks.', async () => {
    await client.put('/stream', pieces())
    expect(cluster.calls[0]!.headers['transfer-encoding']).toBe('chunked')
    expect(await textOf((await client.get('/stream')).body)).toBe('one two')
  })

  test('An iterable of known length announces it.', async () => {
    await client.put('/stream', pieces, { size: 7 })
    expect(cluster.calls[0]!.headers['content-length']).toBe('7')
  })

  test.each([6, 8])('A source of 7 bytes that announces %i fails and stores nothing.', async (size) => {
    await expect(client.put('/stream', pieces, { size })).rejects.toMatchObject({ code: 'LENGTH_MISMATCH' })
    expect(cluster.tree.entries.has('/stream')).toBe(false)
  })

  test('An error of the source comes out as it is, after its clean-up ran.', async () => {
    const failure = new Error('disk on fire')
    let isClosed = false
    async function* broken(): AsyncGenerator<Uint8Array> {
      try {
        yield bytes('some')
        throw failure
      } finally {
        isClosed = true
      }
    }
    await expect(client.put('/stream', broken())).rejects.toBe(failure)
    expect(isClosed).toBe(true)
    expect(cluster.tree.entries.has('/stream')).toBe(false)
  })
})

test('A range brings its bytes, and says where they are.', async () => {
  await client.put('/r', bytes('0123456789'))
  const part = await client.get('/r', { range: { start: 2, end: 5 } })
  expect(part.info).toMatchObject({ size: 10, start: 2, end: 5 })
  expect(await textOf(part.body)).toBe('234')
  expect(await textOf((await client.get('/r', { range: { start: 8 } })).body)).toBe('89')
})

test('An empty file can be put, created and read.', async () => {
  await client.put('/empty', new Uint8Array())
  await client.create('/made')
  expect(await textOf((await client.get('/empty')).body)).toBe('')
  await expect(client.create('/made')).rejects.toMatchObject({ code: 'FILE_EXISTS', status: 409 })
})

test('A listing of many pages brings each entry once, in order.', async () => {
  for (const name of ['c', 'a', 'd/x', 'b', 'd/y/z']) await client.put(`/dir/${name}`, bytes(name))
  const listed = await Array.fromAsync(client.list('/dir', { recursive: true, pageEntries: 2 }))
  expect(listed.map((entry) => entry.path)).toEqual(['a', 'b', 'c', 'd', 'd/x', 'd/y', 'd/y/z'])
})

test('Names with reserved characters, and both forms of an accent, stay apart and intact.', async () => {
  const names = [
    '/#',
    '/a b',
    '/100%',
    '/a?b=c',
    '/.hidden',
    '/caf\u00e9',
    '/cafe\u0301',
    '/%2e%2e',
    '/a+b&c',
  ]
  for (const name of names) await client.put(name, bytes(name))
  const listed = await Array.fromAsync(client.list('/'))
  expect(listed.map((entry) => `/${entry.path}`).toSorted()).toEqual(names.toSorted())
  for (const name of names) expect(await textOf((await client.get(name)).body)).toBe(name)
})

test('Links, directories, moves and deletes do what their names say.', async () => {
  await client.makeDirectory('/d')
  await client.link('/d/l', '../elsewhere')
  expect((await client.readLink('/d/l')).target).toBe('../elsewhere')
  expect(await client.stat('/d/')).toMatchObject({ kind: 'directory' })
  await client.move('/d', '/e')
  await expect(client.removeDirectory('/e')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_EMPTY' })
  await client.remove('/e/l')
  expect((await client.removeDirectory('/e')).operation).toMatch(/^[0-9a-f]+$/)
  await expect(client.stat('/e')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', status: 404 })
})

test('Health, explanations and lists of weak files come from whichever node is asked, page by page.', async () => {
  await client.put('/d/f', Buffer.from('12345'))
  expect(await client.health()).toEqual(cluster.health)
  expect(await client.explain('/d/f', { from: 0 })).toMatchObject({ path: '/d/f', size: 5, good: 1 })
  await expect(client.explain('/d')).rejects.toMatchObject({ code: 'IS_A_DIRECTORY' })
  const pages = await Array.fromAsync(client.weakFiles('lost'))
  expect(pages.map(({ files, next }) => [files.map(({ path }) => path), next])).toEqual([
    [[], '/'],
    [['/d/f'], null],
  ])
})

test('The health is unknown, and no error, where a node is too old to know of it.', async () => {
  cluster.mishap = ({ target }) =>
    target === '/v1/health' ? { kind: 'refuse', code: 'ROUTE_NOT_FOUND' } : null
  expect(await client.health()).toMatchObject({
    state: 'unknown',
    counts: null,
    reasons: [{ code: 'program-outdated', next: expect.stringContaining('newest program') }],
  })
})

test('Servers and status come from whichever node is asked.', async () => {
  expect((await client.servers()).map((server) => server.name)).toEqual(['chunk-1', 'chunk-2'])
  expect((await client.status()).settings.replicas).toBe(3)
  const asked = await client.workers()
  expect(asked.map(({ node, workers }) => [node, workers[0]!.name])).toEqual([
    ['master', 'seal-dead'],
    ['chunk-1', 'verify-copies'],
    ['chunk-2', 'verify-copies'],
  ])
})

test('A path that cannot exist, or a wrong range, is refused before anything is sent.', async () => {
  await expect(client.put('/a/../b', bytes(''))).rejects.toMatchObject({ code: 'INVALID_PATH' })
  await expect(client.get('/a', { range: { start: 3, end: 3 } })).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
  })
  expect(cluster.seen).toEqual([])
})
