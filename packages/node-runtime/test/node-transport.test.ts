/** What only the real transport can meet: wrong keys, peers that are no nodes, connections that break. */
import { createServer as createHttpServer, request as httpRequest } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { concatBytes, fromUtf8, type Log, type LogFields, silentLog, type TransportError } from '@dfs/core'
import { WIRE_BODY_BYTES_MAX } from '@dfs/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { CallProof } from '../src/calls/call-proof.ts'
import { encodeFrame, FRAME } from '../src/calls/frame.ts'
import { answerUpgrade } from '../src/calls/handshake.ts'
import { NodeClock, NodeTransport } from '../src/index.ts'

const KEY = new Uint8Array(32).fill(7)
const ROUTE = 'POST /v1/things'
const REQUEST = { route: ROUTE, params: {}, body: [new Uint8Array(10)] }
const OPTIONS = { timeoutMs: 5000 }

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function openTransport(clusterKey = KEY, log: Log = silentLog): NodeTransport {
  const clock = new NodeClock()
  const transport = new NodeTransport({ listenHost: '127.0.0.1', listenPort: 0, clusterKey, clock, log })
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

/** A node that opens connections as it should and then does what the test says; resolves to its address. */
async function listenUpgrading(onOpened: (socket: Socket) => void): Promise<string> {
  const proof = new CallProof(KEY)
  const sockets = new Set<Socket>()
  const server = createHttpServer()
  server.on('upgrade', (request, duplex) => {
    const socket = duplex as Socket
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    answerUpgrade(request, socket, proof)
    onOpened(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** As {@link listenUpgrading}, from the moment a call comes. */
function listenMisbehaving(onCall: (socket: Socket) => void): Promise<string> {
  return listenUpgrading((socket) => {
    // Confirmation and call may come together or not; the call is the longer part.
    let received = 0
    socket.on('data', (bytes: Uint8Array) => {
      const before = received
      received += bytes.byteLength
      if (before <= 44 && received > 44) onCall(socket)
    })
  })
}

const failureOf = (call: Promise<unknown>): Promise<TransportError> =>
  call.then(
    () => Promise.reject(new Error('an answer came')),
    (error: TransportError) => error,
  )

describe('NodeTransport', () => {
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

  it('times what it answers, by route and outcome, and nothing that it does not know', async () => {
    const node = openTransport()
    await node.serve(
      async ({ body }) => {
        if (body[0]?.byteLength === 1) throw new Error('a bug')
        return { ok: (body[0]?.byteLength ?? 0) > 0, body: [] }
      },
      [ROUTE],
    )
    const caller = openTransport()
    const call = (route: string, bytes: number) =>
      caller.call(node.address(), { route, params: {}, body: [new Uint8Array(bytes)] }, OPTIONS)
    for (const bytes of [10, 10, 0, 1]) await call(ROUTE, bytes)
    await call('POST /v1/others', 10)
    const seen = Array.from(node.answered, ([route, outcome, { count }]) => [route, outcome, count])
    expect(seen).toEqual([
      [ROUTE, 'ok', 2],
      [ROUTE, 'refused', 1],
      [ROUTE, 'failed', 1],
    ])
  })

  it('takes no call on a connection that repeats a recorded opening', async () => {
    const node = openTransport()
    let callsCount = 0
    await node.serve(async () => {
      callsCount += 1
      return { ok: true, body: [] }
    }, [ROUTE])
    // What a caller sends until its first call is answered, as it could be seen on the network.
    const recorded: Uint8Array[] = []
    const tap = await listenRaw((socket) => {
      const [host, port] = node.address().split(':')
      const onward = connect(Number(port), host)
      onward.on('data', (bytes) => socket.write(bytes))
      socket.on('data', (bytes: Uint8Array) => {
        recorded.push(bytes)
        onward.write(bytes)
      })
      socket.on('close', () => onward.destroy())
      closers.push(async () => onward.destroy())
    })
    await openTransport().call(tap, REQUEST, OPTIONS)
    expect(callsCount).toBe(1)
    const [host, port] = node.address().split(':')
    const replay = connect(Number(port), host)
    let answer = ''
    replay.on('data', (bytes) => (answer += bytes.toString('latin1')))
    for (const bytes of recorded) replay.write(bytes)
    await new Promise((resolve) => replay.once('close', resolve))
    expect(answer).toContain('HTTP/1.1 101')
    expect(callsCount).toBe(1)
  })

  it('tells a peer that does not know the key from a node, and sends it nothing', async () => {
    const proof = new CallProof(new Uint8Array(32).fill(8))
    const server = createHttpServer()
    let received = ''
    server.on('upgrade', (_request, socket) => {
      closers.push(async () => socket.destroy())
      const answer = proof.answer('A'.repeat(24))
      socket.on('data', (bytes: Buffer) => (received += bytes.toString('latin1')))
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: dfs-calls-1\r\n' +
          `dfs-cluster-proof: ${answer.proof}\r\n\r\n`,
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closers.push(() => new Promise((resolve) => server.close(resolve)))
    const { port } = server.address() as AddressInfo
    const error = await failureOf(openTransport().call(`127.0.0.1:${port}`, REQUEST, OPTIONS))
    expect(error).toMatchObject({ name: 'TransportError', wasSent: false })
    expect(error.message).toContain('cluster key')
    expect(received).toBe('')
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

  const answerFrame = Buffer.concat(encodeFrame(FRAME.answer, '', [new Uint8Array(100)]))
  it.each([
    ['before the answer', 0],
    ['within the head', 5],
    ['within the body', 50],
  ])('reports a call as sent whose peer closes %s', async (_when, bytes) => {
    const address = await listenMisbehaving((socket) => socket.end(answerFrame.subarray(0, bytes)))
    const error = await failureOf(openTransport().call(address, REQUEST, OPTIONS))
    expect(error).toMatchObject({ name: 'TransportError', wasSent: true })
  })

  it.each([
    ['no frame', Buffer.alloc(12, 0xff)],
    ['a frame of another kind', Buffer.concat(encodeFrame(FRAME.request, '', []))],
    [
      'two answers',
      Buffer.concat([...encodeFrame(FRAME.answer, '', []), ...encodeFrame(FRAME.answer, '', [])]),
    ],
  ])('gives up a connection on which %s comes, and goes on with another', async (_what, bytes) => {
    let callsCount = 0
    const address = await listenMisbehaving((socket) => {
      callsCount += 1
      socket.write(callsCount === 1 ? bytes : answerFrame)
    })
    const transport = openTransport()
    await transport.call(address, REQUEST, OPTIONS).catch((error: unknown) => error)
    expect((await transport.call(address, REQUEST, OPTIONS)).ok).toBe(true)
    expect(callsCount).toBe(2)
  })

  it('fails a call, and nothing else, if the connection is reset as soon as it is open', async () => {
    const address = await listenUpgrading((socket) => void setImmediate(() => socket.resetAndDestroy()))
    const transport = openTransport()
    // Whether the caller's last word is written before the reset or after it is chance.
    for (let attempt = 0; attempt < 200; attempt += 1) {
      expect(await failureOf(transport.call(address, REQUEST, OPTIONS))).toMatchObject({
        name: 'TransportError',
      })
    }
  })

  it('takes the answer of something that is no node for none', async () => {
    const page = 'HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nno'
    const address = await listenRaw((socket) => socket.once('data', () => socket.end(page)))
    const error = await failureOf(openTransport().call(address, REQUEST, OPTIONS))
    expect(error).toMatchObject({ name: 'TransportError', wasSent: false })
    expect(error.message).toContain('502')
  })

  it('gives up an answer beyond the limit', async () => {
    const tooLarge = encodeFrame(FRAME.answer, '', [new Uint8Array(WIRE_BODY_BYTES_MAX + 1)])
    const address = await listenMisbehaving((socket) => socket.end(Buffer.concat(tooLarge)))
    const error = await failureOf(openTransport().call(address, REQUEST, OPTIONS))
    expect(error.message).toContain('too large')
  })

  it('lets go of a connection whose call is given up, and takes no late answer for another call', async () => {
    const node = openTransport()
    const arrived = Promise.withResolvers<void>()
    const late = Promise.withResolvers<void>()
    await node.serve(
      async ({ requestId }) => {
        arrived.resolve()
        if (requestId === 'slow') await late.promise
        return { ok: true, body: [new TextEncoder().encode(requestId)] }
      },
      [ROUTE],
    )
    const caller = openTransport()
    const gaveUp = new AbortController()
    const slow = failureOf(
      caller.call(node.address(), { ...REQUEST, requestId: 'slow' }, { ...OPTIONS, signal: gaveUp.signal }),
    )
    await arrived.promise
    gaveUp.abort(new Error('enough'))
    expect((await slow).wasSent).toBe(true)
    late.resolve()
    const reply = await caller.call(node.address(), { ...REQUEST, requestId: 'quick' }, OPTIONS)
    expect(fromUtf8(concatBytes(reply.body))).toBe('quick')
  })

  it('opens few connections for many calls, and none while one is free', async () => {
    const node = openTransport()
    await node.serve(async ({ body }) => ({ ok: true, body }), [ROUTE])
    let connectionsCount = 0
    const counting = await listenRaw((socket) => {
      connectionsCount += 1
      const [host, port] = node.address().split(':')
      const onward = connect(Number(port), host)
      onward.pipe(socket).pipe(onward)
      onward.on('error', () => socket.destroy())
      closers.push(async () => onward.destroy())
    })
    const caller = openTransport()
    for (let round = 0; round < 20; round += 1) await caller.call(counting, REQUEST, OPTIONS)
    expect(connectionsCount).toBe(1)
    const replies = await Promise.all(
      Array.from({ length: 200 }, () => caller.call(counting, REQUEST, OPTIONS)),
    )
    expect(replies.every(({ ok }) => ok)).toBe(true)
    expect(connectionsCount).toBeLessThanOrEqual(16)
  })

  it('writes a call once, even if its connection breaks', async () => {
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

  it('fails many calls at once to a peer that takes no connections, each before its own time is up', async () => {
    let refusedCount = 0
    const address = await listenRaw((socket) => {
      refusedCount += 1
      socket.destroy()
    })
    const transport = openTransport()
    const errors = await Promise.all(
      Array.from({ length: 100 }, () => failureOf(transport.call(address, REQUEST, { timeoutMs: 600_000 }))),
    )
    expect(errors.every(({ wasSent }) => !wasSent)).toBe(true)
    expect(refusedCount).toBe(100)
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
    expect(lines).toEqual([{ err: thrown, route: ROUTE, requestId: '1.2.3' }])
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
    caller.closeClient()
    expect((await underWay).wasSent).toBe(true)
    expect((await failureOf(caller.call(node.address(), REQUEST, OPTIONS))).wasSent).toBe(false)
  })
})
