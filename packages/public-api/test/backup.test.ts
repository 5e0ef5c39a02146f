/** `/v1/backup`: what tells a backup from half of one, who has it, and who loses it. */
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { buildTestApp, type TestApp } from './support/apps.ts'
import { listen } from './support/raw-socket.ts'

let node: TestApp
let port: number

beforeEach(async () => {
  node = await buildTestApp('pass-on')
  port = await listen(node.app)
})
afterEach(() => node.app.close())

/** The answer with its trailers; rejects if it breaks off. */
async function ask() {
  const asked = request({ port, path: '/v1/backup', host: '127.0.0.1' }).end()
  const [reply] = await once(asked, 'response')
  const body = Buffer.concat(await Array.fromAsync<Buffer>(reply))
  return { status: reply.statusCode, headers: reply.headers, body, trailers: reply.trailers }
}

test('is a database file with its name, position, size and checksum', async () => {
  const { bytes } = node.backups
  const reply = await ask()
  expect(reply).toMatchObject({
    status: 200,
    body: bytes,
    headers: {
      'content-type': 'application/vnd.sqlite3',
      'content-disposition': 'attachment; filename="dfs-metadata-3-81204.db"',
      'dfs-cluster-id': 'c'.repeat(32),
      'dfs-position': '3/0123456789abcdef/81204',
      'dfs-schema': '11',
      'dfs-size': '10',
    },
    trailers: { 'dfs-crc32': crc32(bytes).toString(16).padStart(8, '0') },
  })
  expect(node.backups.isOpen).toBe(false)
})

test('that cannot go on breaks the connection: nobody takes half of one for the whole', async () => {
  node.backups.breakAfter = 8
  await expect(ask()).rejects.toThrow('aborted')
  expect(node.backups.isOpen).toBe(false)
  expect(node.lines).toContainEqual(expect.objectContaining({ err: expect.anything() }))
})

test('that cannot begin is refused', async () => {
  node.backups.breakAfter = 0
  expect(await ask()).toMatchObject({ status: 503, headers: { 'retry-after': '2' } })
  expect(node.backups.isOpen).toBe(false)
})

test('is one at a time', async () => {
  await node.backups.open()
  const { status, body } = await ask()
  expect([status, JSON.parse(body.toString())]).toMatchObject([503, { code: 'TOO_BUSY' }])
})

/** More than the kernel takes for a client that reads nothing. */
const LARGE = 64 * 1024 * 1024

test.each(['takes nothing of it', 'leaves'] as const)('ends for a reader that %s', async (how) => {
  node.backups.bytes = new Uint8Array(LARGE)
  node.backups.pieceSize = 1024 * 1024
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.write('GET /v1/backup HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(socket, 'readable')
  expect(node.backups.isOpen).toBe(true)
  if (how === 'leaves') socket.destroy()
  while (node.backups.isOpen) {
    if (how !== 'leaves') await node.clock.advance(LARGE / 1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  socket.destroy()
})

test('is had from the master: other nodes send their callers there', async () => {
  const other = await buildTestApp('serve')
  const reply = await other.app.inject('/v1/backup')
  expect([reply.statusCode, reply.headers.location]).toEqual([307, 'http://localhost:7070/v1/backup'])
  await other.app.close()
})
