/** What only the real transport can meet: wrong keys, peers that are no nodes, connections that break. */
import { request as httpRequest } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { concatBytes, fromUtf8, type Log, type LogFields, silentLog, type TransportError } from '@dfs/core'
import { WIRE_BODY_BYTES_MAX } from '@dfs/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { HttpTransport, NodeClock } from '../src/index.ts'

const KEY = new Uint8Array(32).fill(7)
const ROUTE = 'POST /v1/things'
const REQUEST = { route: ROUTE, params: {}, body: [new Uint8Array(10)] }
const OPTIONS = { timeoutMs: 5000 }

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function openTransport(clusterKey = KEY, log: Log = silentLog): HttpTransport {
  const clock = new NodeClock()
  const transport = new HttpTransport({ listenHost: '127.0.0.1', listenPort: 0, clusterKey, clock, log })
  closers.push(() => transport[Symbol.asyncDispose]())
  return transport
}

/** A TCP server that is no node; resolves to its address. */
async function listenRaw(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    // The other side breaks connections on purpose here.
    socket.on('error', () => socket.destroy())
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const failureOf = (call: Promise<unknown>): Promise<TransportError> =>
  call.then(
    () => Promise.reject(new Error('an answer came')),
    (error: TransportError) => error,
  )

describe('HttpTransport', () => {
  it('refuses a caller with another key before its body is read, however large', async () => {
    const node = openTransport()
    let callsCount = 0
    await node.serve(async () => {
      callsCount += 1
      return { ok: true, body: [] }
    }, [ROUTE])
    const stranger = openTransport(new Uint8Array(32).fill(8))
    for (const bytes of [10, 8 * 1024 * 1024]) {
      const reply = await stranger.call(
        node.address(),
        { ...REQUEST, body: [new Uint8Array(bytes)] },
        OPTIONS,
      )
      expect(reply.ok).toBe(false)
      expect(fromUtf8(concatBytes(reply.body))).toContain('ACCESS_DENIED')
    }
    expect(callsCount).toBe(0)
  })

  it("uses the catalogue's status and closes the connection of a refused call", async () => {
    const node = openTransport()
    await node.serve(() => Promise.reject(new Error('not reached')), [ROUTE])
    const response = await new Promise<{
      status: number | undefined
      headers: NodeJS.Dict<string | string[]>
    }>((resolve, reject) => {
      const outgoing = httpRequest(`http://${node.address()}/v1/things`, { method: 'POST' }, (incoming) => {
        incoming.resume()
        resolve({ status: incoming.statusCode, headers: incoming.headers })
      })
      outgoing.once('error', reject)
      outgoing.end()
    })
    expect(response.status).toBe(403)
    expect(response.headers).toMatchObject({
      connection: 'close',
      'content-type': 'application/problem+json',
    })
  })

  it('lets a refused caller finish sending before it closes, so that the answer is read', async () => {
    const node = openTransport()
    await node.serve(() => Promise.reject(new Error('not reached')), [ROUTE])
    const [host, port] = node.address().split(':')
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), host)
      let text = ''
      socket.once('error', reject).once('close', () => resolve(text))
      socket.on('data', (bytes) => (text += bytes.toString('latin1')))
      socket.write('POST /v1/things HTTP/1.1\r\nhost: x\r\ncontent-length: 600000\r\n\r\n')
      socket.write(new Uint8Array(300_000))
      // The rest follows when the answer must have been written.
      socket.once('data', () => socket.write(new Uint8Array(300_000)))
    })
    expect(answer).toContain('HTTP/1.1 403')
  })

  it('goes on over its connections after a call was refused', async () => {
    const node = openTransport()
    await node.serve(async ({ body }) => ({ ok: true, body }), [ROUTE])
    const caller = openTransport()
    const large = { ...REQUEST, body: [new Uint8Array(WIRE_BODY_BYTES_MAX + 1)] }
    for (let round = 0; round < 3; round += 1) {
      expect((await caller.call(node.address(), large, OPTIONS)).ok).toBe(false)
      expect((await caller.call(node.address(), REQUEST, OPTIONS)).ok).toBe(true)
    }
  })

  it.each([
    ['before the answer', ''],
    ['within the head', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['within the body', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart'],
  ])('reports a call as sent whose peer closes %s', async (_when, answer) => {
    const address = await listenRaw((socket) => socket.once('data', () => socket.end(answer)))
    const error = await failureOf(openTransport().call(address, REQUEST, OPTIONS))
    expect(error).toMatchObject({ name: 'TransportError', wasSent: true })
  })

  it('takes the answer of something that is no node for none', async () => {
    const page = 'HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nno'
    const address = await listenRaw((socket) => socket.once('data', () => socket.end(page)))
    const error = await failureOf(openTransport().call(address, REQUEST, OPTIONS))
    expect(error).toMatchObject({ name: 'TransportError', wasSent: true })
    expect(error.message).toContain('502')
  })

  it('gives up an answer beyond the limit', async () => {
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${WIRE_BODY_BYTES_MAX + 1}\r\n\r\n`
    const address = await listenRaw((socket) =>
      socket.once('data', () => {
        socket.write(head)
        socket.end(new Uint8Array(WIRE_BODY_BYTES_MAX + 1))
      }),
    )
    const error = await failureOf(openTransport().call(address, REQUEST, OPTIONS))
    expect(error.message).toContain('too large')
  })

  it('writes a call once, even where its connection breaks', async () => {
    let requestsCount = 0
    const address = await listenRaw((socket) =>
      socket.on('data', () => {
        requestsCount += 1
        socket.destroy()
      }),
    )
    const transport = openTransport()
    await failureOf(transport.call(address, REQUEST, OPTIONS))
    await failureOf(transport.call(address, REQUEST, OPTIONS))
    expect(requestsCount).toBe(2)
  })

  it.each(['', 'host', 'a b:1', '127.0.0.1:99999'])('fails a call to %j without sending', async (address) => {
    const error = await failureOf(openTransport().call(address, REQUEST, OPTIONS))
    expect(error).toMatchObject({ name: 'TransportError', wasSent: false })
  })

  it('logs what a handler throws, with route and request id', async () => {
    const lines: LogFields[] = []
    const node = openTransport(KEY, { ...silentLog, error: (fields) => lines.push(fields) })
    const thrown = new Error('broken')
    await node.serve(() => Promise.reject(thrown), [ROUTE])
    await openTransport().call(node.address(), { ...REQUEST, requestId: '1.2.3' }, OPTIONS)
    expect(lines).toEqual([{ error: thrown, route: ROUTE, requestId: '1.2.3' }])
  })

  it('fails calls under way, and later ones as not sent, when its client is closed', async () => {
    const node = openTransport()
    const arrived = Promise.withResolvers<void>()
    await node.serve(() => {
      arrived.resolve()
      return new Promise(() => {})
    }, [ROUTE])
    const caller = openTransport()
    const underWay = failureOf(caller.call(node.address(), REQUEST, OPTIONS))
    await arrived.promise
    await caller.closeClient()
    expect((await underWay).wasSent).toBe(true)
    expect((await failureOf(caller.call(node.address(), REQUEST, OPTIONS))).wasSent).toBe(false)
  })
})
