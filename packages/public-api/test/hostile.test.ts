/**
 * What arrives is hostile until checked: odd requests byte by byte, each with the status that it must get, or `closed`
 * where silence is the only truthful answer. Every refusal is a problem of the catalogue, and none is a 5xx.
 */
import { CHUNK_SIZE_BYTES, DfsError, ERRORS, isErrorCode, MIB } from '@dfs/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildTestApp, type TestApp } from './support/apps.ts'
import { converse, listen, statusOf } from './support/raw-socket.ts'

let chunkServer: TestApp
let master: TestApp
let port: number
let masterPort: number

beforeAll(async () => {
  chunkServer = await buildTestApp('serve', { hasDocs: false })
  master = await buildTestApp('pass-on')
  chunkServer.memory.store('/f', Buffer.from('content'))
  master.memory.store('/f', Buffer.from('content'))
  port = await listen(chunkServer.app)
  masterPort = await listen(master.app)
})
afterAll(async () => {
  await chunkServer.app.close()
  await master.app.close()
})

const HOST = 'Host: localhost\r\n'
const request = (line: string, headers = HOST, body = ''): string =>
  `${line} HTTP/1.1\r\n${headers}\r\n${body}`
const put = (path: string, headers = '', body = 'abc'): string =>
  request(`PUT ${path}`, `${HOST}Content-Length: ${body.length}\r\n${headers}`, body)
const segments = 'a'.repeat(255)
/** 16 segments: 4,096 bytes with their slashes. */
const LONGEST = Array.from({ length: 16 }, () => segments).join('/')

const ROWS: [string, string, number | 'closed'][] = [
  ['a plain request', request('GET /v1/files/f'), 200],
  ['no Host', request('GET /v1/files/f', ''), 400],
  ['no Host in HTTP/1.0', 'GET /v1/files/f HTTP/1.0\r\n\r\n', 400],
  ['two Hosts', request('GET /v1/files/f', `${HOST}${HOST}`), 400],
  ['two Hosts in other letters', request('GET /v1/files/f', `${HOST}hOST: evil.example\r\n`), 400],
  ['an empty Host', request('GET /v1/files/f', 'Host:\r\n'), 400],
  ['a Host with a path', request('GET /v1/files/f', 'Host: localhost/x\r\n'), 400],
  ['a Host with user info', request('GET /v1/files/f', 'Host: a@localhost\r\n'), 400],
  ['a foreign Host', request('GET /v1/files/f', 'Host: evil.example\r\n'), 421],
  ['a Host that only starts like ours', request('GET /v1/files/f', 'Host: localhost.evil.example\r\n'), 421],
  ['a configured Host', request('GET /v1/files/f', 'Host: DFS.test:123\r\n'), 200],
  ['an advertised Host', request('GET /v1/files/f', 'Host: files.example\r\n'), 200],
  ['an IPv4 literal', request('GET /v1/files/f', 'Host: 192.0.2.7:7071\r\n'), 200],
  ['an IPv6 literal', request('GET /v1/files/f', 'Host: [2001:db8::1]:7071\r\n'), 200],
  ['no IPv6 literal', request('GET /v1/files/f', 'Host: [::zz]\r\n'), 400],
  ['absolute form', request('GET http://localhost/v1/files/f'), 400],
  ['authority form', request('GET localhost:80'), 400],
  ['CONNECT', request('CONNECT localhost:80'), 'closed'],
  ['asterisk form', request('OPTIONS *'), 400],
  ['HTTP/0.9', 'GET /v1/files/f\r\n\r\n', 400],
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['HTTP/3.0', 'GET /v1/files/f HTTP/3.0\r\nHost: localhost\r\n\r\n', 400],
  ['no request at all', 'hello\r\n\r\n', 400],
  ['a TLS hello', '\u0016\u0003\u0001\u0002\u0000\u0001', 400],
  ['a bad percent sequence', request('GET /v1/files/%zz'), 400],
  ['an unfinished percent sequence', request('GET /v1/files/a%2'), 400],
  ['an escaped prefix', request('GET /v1/f%69les/f'), 404],
  ['..', request('GET /v1/files/a/../f'), 400],
  ['..%2f', request('GET /v1/files/..%2ff'), 400],
  ['%2e%2e/', request('GET /v1/files/%2e%2e/f'), 400],
  ['%252e, which is a name', request('GET /v1/files/%252e'), 404],
  ['a dot segment at the end', request('GET /v1/files/a/.'), 400],
  ['%00', request('GET /v1/files/a%00b'), 400],
  ['%0d%0a', request('PUT /v1/files/a%0d%0aX:%20y'), 400],
  ['%7f', request('GET /v1/files/a%7f'), 400],
  ['%c2%85, a C1 control', request('GET /v1/files/a%c2%85'), 400],
  ['overlong UTF-8', request('GET /v1/files/%c0%af'), 400],
  ['a surrogate in UTF-8', request('GET /v1/files/%ed%a0%80'), 400],
  ['a lone continuation byte', request('GET /v1/files/%80'), 400],
  ['valid UTF-8', put('/v1/files/%f0%9f%90%9f'), 201],
  ['raw bytes beyond ASCII', request('GET /v1/files/\u00e4'), 400],
  ['a fragment', request('GET /v1/files/f#x'), 400],
  ['an empty name', request('GET /v1/files/'), 400],
  ['//', request('GET /v1/files//f'), 400],
  ['%2F first', request('GET /v1/files/%2Ff'), 400],
  ['an empty segment', request('GET /v1/files/a//f'), 400],
  ['a trailing slash of a file', request('GET /v1/files/f/'), 400],
  ['a path of 4,096 bytes', put(`/v1/files/${LONGEST}`), 201],
  ['the same, percent-encoded', put(`/v1/files/${LONGEST.replaceAll('a', '%61')}`), 200],
  ['a path of 4,097 bytes', put(`/v1/files/${LONGEST.slice(0, -255)}b/${'a'.repeat(254)}`), 400],
  ['a name of 256 bytes', put(`/v1/files/${segments}a`), 400],
  ['a name of 86 letters of three bytes', put(`/v1/files/${'%e2%82%ac'.repeat(86)}`), 400],
  ['a target of 30 KiB', request(`GET /v1/files/${'a'.repeat(30 * 1024)}`), 414],
  ['headers of 33 KiB', request('GET /v1/files/f', `${HOST}X: ${'x'.repeat(33 * 1024)}\r\n`), 431],
  ['headers of 31 KiB', request('GET /v1/files/f', `${HOST}X: ${'x'.repeat(31 * 1024)}\r\n`), 200],
  ['a folded header', request('GET /v1/files/f', `${HOST}X: a\r\n b\r\n`), 400],
  ['a space before the colon', request('GET /v1/files/f', `${HOST}X : a\r\n`), 400],
  ['a NUL in a header', request('GET /v1/files/f', `${HOST}X: a\u0000b\r\n`), 400],
  ['a bare LF', 'GET /v1/files/f HTTP/1.1\nHost: localhost\n\n', 400],
  ['Content-Length and Transfer-Encoding', put('/v1/files/x', 'Transfer-Encoding: chunked\r\n'), 400],
  ['two lengths', put('/v1/files/x', 'Content-Length: 4\r\n'), 400],
  ['a signed length', request('PUT /v1/files/x', `${HOST}Content-Length: +3\r\n`, 'abc'), 400],
  ['a negative length', request('PUT /v1/files/x', `${HOST}Content-Length: -3\r\n`, 'abc'), 400],
  ['a length beyond any file', request('PUT /v1/files/x', `${HOST}Content-Length: 17592186044417\r\n`), 413],
  ['a bad chunk', request('PUT /v1/files/x', `${HOST}Transfer-Encoding: chunked\r\n`, 'zz\r\nabc\r\n'), 400],
  [
    'chunks',
    request('PUT /v1/files/x', `${HOST}Transfer-Encoding: chunked\r\n`, '3\r\nabc\r\n0\r\n\r\n'),
    201,
  ],
  [
    'gzip as transfer coding',
    request('PUT /v1/files/x', `${HOST}Transfer-Encoding: gzip, chunked\r\n`, '0\r\n\r\n'),
    415,
  ],
  ['gzip as content coding', put('/v1/files/x', 'Content-Encoding: gzip\r\n'), 415],
  ['a body on GET', request('GET /v1/files/f', `${HOST}Content-Length: 3\r\n`, 'abc'), 400],
  ['a body on DELETE', request('DELETE /v1/files/none', `${HOST}Content-Length: 3\r\n`, 'abc'), 400],
  ['an expectation of another kind', put('/v1/files/x', 'Expect: the-moon\r\n'), 400],
  [
    'Upgrade, which is ignored',
    request('GET /v1/files/f', `${HOST}Connection: Upgrade\r\nUpgrade: h2c\r\n`),
    200,
  ],
  ['a foreign Origin that writes', put('/v1/files/x', 'Origin: http://evil.example\r\n'), 403],
  ['Origin: null that writes', put('/v1/files/x', 'Origin: null\r\n'), 403],
  ['our name at a foreign port', put('/v1/files/x', 'Origin: http://localhost:3000\r\n'), 403],
  ['the Origin of another node', put('/v1/files/x', 'Origin: http://localhost:7070\r\n'), 200],
  ['an advertised Origin', put('/v1/files/x', 'Origin: https://files.example\r\n'), 200],
  ['a foreign Origin that reads', request('GET /v1/files/f', `${HOST}Origin: http://evil.example\r\n`), 200],
  [
    'a foreign preflight',
    request(
      'OPTIONS /v1/files/f',
      `${HOST}Origin: http://evil.example\r\nAccess-Control-Request-Method: PUT\r\n`,
    ),
    204,
  ],
  ['a method that the resource lacks', request('PATCH /v1/servers', `${HOST}Content-Length: 0\r\n`), 405],
  ['a method that nobody has', request('PROPFIND /v1/files/f'), 405],
  ['the same with a body', request('PROPFIND /v1/files/f', `${HOST}Content-Length: 3\r\n`, 'abc'), 405],
  ['a method that is none', request('FROB /v1/files/f'), 405],
  ['a method that is none, where nothing is', request('FROB /v2/files/f'), 400],
  ['a method that cannot be one', request('F(B /v1/files/f'), 400],
  ['a route that is none', request('GET /v2/files/f'), 404],
  ['a body to a route that is none', request('POST /v2', `${HOST}Content-Length: 3\r\n`, 'abc'), 404],
  ['JSON with an unknown property', json('{"from":"/a","to":"/b","extra":1}'), 400],
  ['JSON that is none', json('{"from":'), 400],
  ['JSON with a prototype', json('{"__proto__":{},"from":"/a","to":"/b"}'), 400],
  ['JSON that is not UTF-8', json('{"from":"/\u00ff","to":"/b"}'), 400],
  ['JSON of another type', json('{"from":1,"to":"/b"}'), 400],
  ['JSON with paths that are none', json('{"from":"/a/../b","to":"/b"}'), 400],
  ['no JSON', json(''), 400],
  ['JSON that is too long', json(`"${'a'.repeat(70_000)}"`), 413],
  ['JSON by another name', json('{}', 'text/plain'), 415],
  ['a query of another type', request('GET /v1/directories?limit=ten'), 400],
  ['a query beyond its range', request('GET /v1/directories?limit=1001'), 400],
  ['a query twice', request('GET /v1/directories?limit=1&limit=2'), 400],
  ['a query that nobody reads', request('GET /v1/directories?Limit=1'), 400],
]

function json(body: string, type = 'application/json'): string {
  return request('POST /v1/moves', `${HOST}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n`, body)
}

describe('odd requests', () => {
  test.each(ROWS)('%s', async (_name, bytes, expected) => {
    expect(await statusOf(port, bytes)).toBe(expected)
  })

  test('refusals are problems of the catalogue', async () => {
    for (const [name, bytes, status] of ROWS) {
      if (typeof status !== 'number' || status < 400) continue
      const text = await answer(bytes)
      const [head = '', body = ''] = text.split('\r\n\r\n')
      expect(head, name).toMatch(/content-type: application\/problem\+json\r\n/)
      const id = /dfs-request-id: (.*)\r\n/.exec(head)?.[1]
      const problem: unknown = JSON.parse(body)
      expect(problem, name).toMatchObject({ status, requestId: id })
      const { code } = problem as { code: unknown }
      if (!isErrorCode(code)) throw new Error(`${name}: ${String(code)}`)
      expect(ERRORS[code].status).toBe(status)
    }
  })

  test('whoever asks by a method that there is not is told which there are', async () => {
    for (const line of ['FROB /v1/servers?x', 'PROPFIND /v1/servers'])
      expect(await answer(request(line)), line).toMatch(/\r\nallow: GET, HEAD, OPTIONS\r\n/)
  })

  test('a target of every kind leaves no 5xx and no crash', async () => {
    for (let byte = 1; byte < 256; byte += 1) {
      const status = await statusOf(port, request(`GET /v1/files/a${String.fromCharCode(byte)}b`))
      expect([400, 404], `byte ${byte}`).toContain(status)
    }
  })
})

async function answer(bytes: string): Promise<string> {
  const conversation = converse(port, bytes)
  await conversation.waitFor(/\r\n\r\n.*\}$/s)
  conversation.socket.destroy()
  await conversation.closed
  return conversation.text()
}

describe('bodies', () => {
  test('a body that ends early is not stored', async () => {
    const head = request('PUT /v1/files/short', `${HOST}Content-Length: 10\r\n`, 'abc')
    const conversation = converse(port, head)
    await expect.poll(() => chunkServer.memory.writes.some(({ path }) => path === '/short')).toBe(true)
    conversation.socket.destroy()
    await conversation.closed
    await expect
      .poll(() => chunkServer.lines.find((line) => line['path'] === '/v1/files/short'))
      .toMatchObject({ aborted: true })
    expect(chunkServer.memory.nodes.has('/short')).toBe(false)
  })

  test('what follows a body is never a part of it', async () => {
    const conversation = converse(port, put('/v1/files/long', '', 'abc') + request('GET /v1/files/long'))
    expect(await conversation.waitFor(/\r\n\r\nabc$/)).toMatch(/^HTTP\/1\.1 201 /)
    conversation.socket.destroy()
    await conversation.closed
  })

  test('a body that pauses is given up after 30 seconds', async () => {
    const conversation = converse(port, request('PUT /v1/files/slow', `${HOST}Content-Length: 10\r\n`, 'abc'))
    await expect.poll(() => chunkServer.memory.writes.some(({ path }) => path === '/slow')).toBe(true)
    await chunkServer.clock.advance(29_000)
    expect(conversation.text()).toBe('')
    await chunkServer.clock.advance(4000)
    const answer = await conversation.waitFor(/\}$/)
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    // What it sends behind the rest of its body would be cut off.
    expect(answer).toMatch(/connection: close\r\n/i)
    // Its sender has some seconds to see the answer; then the connection ends.
    await chunkServer.clock.advance(7000)
    await conversation.closed
  })

  test('a body that an answer came before is read to its end, and the connection goes on', async () => {
    const body = 'x'.repeat(200_000)
    const refused = put('/v1/files/f', 'Content-Encoding: br\r\n', body)
    const conversation = converse(masterPort, refused + request('HEAD /v1/files/f'))
    const text = await conversation.waitFor(/HTTP\/1\.1 200 /)
    expect(text).toMatch(/^HTTP\/1\.1 415 /)
    conversation.socket.destroy()
    await conversation.closed
  })

  test.each([
    ['of which much is to come', `Content-Length: ${2 * MIB}\r\n`, 'x'.repeat(2 * MIB)],
    ['that ends a little beyond what is read of one', `Content-Length: ${MIB + 1}\r\n`, 'x'.repeat(MIB + 1)],
    ['whose length nobody knows', 'Transfer-Encoding: chunked\r\n', `3\r\nabc\r\n`],
  ])(
    'an unwanted body %s is the last of its connection, and its sender gets the answer',
    async (_, framing, body) => {
      const head = request('PUT /v1/files/f', `${HOST}Content-Encoding: br\r\n${framing}`)
      const conversation = converse(port, head)
      expect(await conversation.waitFor(/\}$/)).toMatch(/connection: close\r\n/i)
      conversation.socket.write(body)
      await chunkServer.clock.advance(7000)
      await conversation.closed
      expect(conversation.text()).toMatch(/^HTTP\/1\.1 415 /)
    },
  )

  test('of an unwanted body no more than a bounded amount is read', async () => {
    const head = request('PUT /v1/files/f', `${HOST}Content-Encoding: br\r\nContent-Length: 1000000000\r\n`)
    const conversation = converse(masterPort, head)
    await conversation.waitFor(/^HTTP\/1\.1 415 /)
    const piece = 'x'.repeat(CHUNK_SIZE_BYTES)
    for (let count = 0; count < 8; count += 1) conversation.socket.write(piece)
    await expect.poll(() => conversation.socket.bytesWritten > CHUNK_SIZE_BYTES / 8).toBe(true)
    await master.clock.advance(7000)
    await conversation.closed
    expect(conversation.socket.bytesWritten).toBeLessThan(1_000_000_000)
  })
})

describe('Expect: 100-continue', () => {
  const expecting = (path: string, headers = ''): string =>
    request(`PUT ${path}`, `${HOST}Content-Length: 3\r\nExpect: 100-continue\r\n${headers}`)

  test('the body is asked for once, when all else is fine', async () => {
    const conversation = converse(port, expecting('/v1/files/asked'))
    await conversation.waitFor(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
    conversation.socket.write('abc')
    expect(await conversation.waitFor(/\}$/)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /)
    conversation.socket.destroy()
    await conversation.closed
  })

  test.each([
    ['a path', '/v1/files/..%2f', '', 400],
    ['a Host', '/v1/files/x', 'Host: localhost\r\n', 400],
    ['an Origin', '/v1/files/x', 'Origin: null\r\n', 403],
    ['a coding', '/v1/files/x', 'Content-Encoding: br\r\n', 415],
    ['a digest', '/v1/files/x', 'Content-Digest: sha-256=1\r\n', 400],
    ['a condition that does not hold', '/v1/files/f', 'If-Match: "1"\r\n', 412],
    ['a condition that forbids', '/v1/files/f', 'If-None-Match: *\r\n', 412],
    ['a route', '/v1/nothing', '', 404],
  ])('%s is refused without the body', async (_name, path, headers, status) => {
    const conversation = converse(port, expecting(path, headers))
    const text = await conversation.waitFor(/\}$/)
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(text).toMatch(/connection: close\r\n/i)
    await conversation.closed
  })

  test('under a key no condition is looked at early: what is there may be what the same request has made', async () => {
    const headers = 'If-None-Match: *\r\nIdempotency-Key: "k"\r\n'
    const conversation = converse(port, expecting('/v1/files/f', headers))
    await conversation.waitFor(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
    conversation.socket.write('abc')
    expect(await conversation.waitFor(/\}$/)).toMatch(/HTTP\/1\.1 412 /)
    conversation.socket.destroy()
    await conversation.closed
  })

  test('the master refuses what it has no place for without asking, and says when to come again', async () => {
    master.memory.failure = new DfsError('TOO_BUSY', 'no place')
    const conversation = converse(masterPort, expecting('/v1/files/x'))
    const text = await conversation.waitFor(/\}$/)
    expect(text).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 1\r\n/i)
    expect(text).toMatch(/connection: close\r\n/i)
    await conversation.closed
  })
})

test('one log line a request, whatever becomes of it', async () => {
  chunkServer.lines.length = 0
  expect(await statusOf(port, put('/v1/files/logged?', 'Dfs-Request-Id: me\r\n'))).toBe(201)
  await expect
    .poll(() => chunkServer.lines)
    .toEqual([
      {
        id: 'me',
        operation: 'writeFile',
        method: 'PUT',
        path: '/v1/files/logged',
        status: 201,
        bytesIn: 3,
        bytesOut: expect.any(Number),
        ms: 0,
      },
    ])
})

describe('answers that break', () => {
  test('a failure in the middle of a file closes the connection short of its length', async () => {
    chunkServer.memory.breakAfter = 5
    const conversation = converse(port, request('GET /v1/files/f'))
    await conversation.closed
    chunkServer.memory.breakAfter = null
    expect(conversation.text()).toMatch(/content-length: 7\r\n[\s\S]*\r\n\r\nconte$/)
  })

  test('a client that goes away frees the stream', async () => {
    chunkServer.memory.store('/large', Buffer.alloc(30_000_000))
    chunkServer.memory.pieceSize = 1_000_000
    const conversation = converse(port, request('GET /v1/files/large'))
    conversation.socket.pause()
    await expect.poll(() => chunkServer.memory.readsOpen).toBe(1)
    conversation.socket.destroy()
    await conversation.closed
    await expect.poll(() => chunkServer.memory.readsOpen).toBe(0)
    chunkServer.memory.pieceSize = 5
  })
})
