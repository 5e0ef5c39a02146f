/** What only real streamed calls can meet: strangers, connections that break, peers that break the rules. */
import { connect, createServer, type Socket } from 'node:net'
import { type ByteSource, silentLog, TransportError } from '@dfs/core'
import { afterEach, describe, expect, it } from 'vitest'
import { CallProof } from '../src/calls/call-proof.ts'
import { encodeFrame, FRAME } from '../src/calls/frame.ts'
import { openConnection } from '../src/calls/handshake.ts'
import { STREAM_WINDOW_BYTES } from '../src/calls/inbound-body.ts'
import { NodeClock, NodeTransport } from '../src/index.ts'

const KEY = new Uint8Array(32).fill(7)
const ROUTE = 'POST /v1/streams'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function openTransport(clusterKey = KEY): NodeTransport {
  const clock = new NodeClock()
  const transport = new NodeTransport({
    listenHost: '127.0.0.1',
    listenPort: 0,
    clusterKey,
    clock,
    log: silentLog,
  })
  closers.push(() => transport[Symbol.asyncDispose]())
  return transport
}

/** What a handler got of a stream: the bytes, and how it ended. */
interface Received {
  readonly bytes: number
  /** 'whole', or what it was rejected with. */
  readonly end: unknown
}

interface Node {
  readonly address: string
  readonly received: Promise<Received>
  /** Resolves with the first piece. */
  readonly begun: Promise<void>
}

/** A node that reads one stream. */
async function listen(): Promise<Node> {
  const node = openTransport()
  const [received, begun] = [Promise.withResolvers<Received>(), Promise.withResolvers<void>()]
  const handler = async ({ stream }: { stream: ByteSource }): Promise<{ ok: true; body: [] }> => {
    let bytes = 0
    try {
      for (let piece = await stream.next(); piece !== null; piece = await stream.next()) {
        bytes += piece.byteLength
        begun.resolve()
      }
      received.resolve({ bytes, end: 'whole' })
    } catch (error) {
      received.resolve({ bytes, end: error })
    }
    return { ok: true, body: [] }
  }
  await node.serve(() => Promise.reject(new Error('no calls')), [], { handler, routes: [ROUTE] })
  return { address: node.address(), received: received.promise, begun: begun.promise }
}

/** A caller that knows the key and writes frames by hand. */
async function openByHand({ address }: Node): Promise<Socket> {
  const { socket } = await openConnection(address, new CallProof(KEY), new AbortController().signal)
  closers.push(async () => socket.destroy())
  return socket
}

function write(socket: Socket, kind: number, head: string, body: readonly Uint8Array[] = []): void {
  for (const piece of encodeFrame(kind, head, body)) socket.write(piece)
}

const closed = (socket: Socket): Promise<void> =>
  socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once('close', () => resolve()))

/** Begins a stream and resolves when there is credit. */
async function begin(socket: Socket): Promise<void> {
  const credit = new Promise((resolve) => socket.once('data', resolve))
  write(socket, FRAME.stream, `${ROUTE}\n`)
  await credit
}

describe('a streamed call', () => {
  it('is refused to whoever does not know the key, and nothing is asked of its stream', async () => {
    const node = await listen()
    const stranger = openTransport(new Uint8Array(32).fill(8))
    let askedCount = 0
    const stream = { next: async () => ((askedCount += 1), null) }
    const request = { route: ROUTE, params: {}, body: [], stream }
    const reply = await stranger.stream(node.address, request, { silenceMs: 5000 })
    expect([reply.ok, Buffer.concat(reply.body).toString()]).toEqual([
      false,
      expect.stringContaining('ACCESS_DENIED'),
    ])
    expect(askedCount).toBe(0)
  })

  it('is a part, not a whole, if the connection breaks behind what was announced', async () => {
    const node = await listen()
    const socket = await openByHand(node)
    await begin(socket)
    write(socket, FRAME.piece, '', [new Uint8Array(1000)])
    await node.begun
    socket.destroy()
    expect(await node.received).toEqual({ bytes: 1000, end: expect.any(TransportError) })
  })

  it('is a part if its end says that it had more bytes', async () => {
    const node = await listen()
    const socket = await openByHand(node)
    await begin(socket)
    write(socket, FRAME.piece, '', [new Uint8Array(1000)])
    write(socket, FRAME.end, '1001')
    expect(await node.received).toEqual({ bytes: 1000, end: expect.any(TransportError) })
    await closed(socket)
  })

  it('is whole by its end frame alone', async () => {
    const node = await listen()
    const socket = await openByHand(node)
    await begin(socket)
    write(socket, FRAME.piece, '', [new Uint8Array(1000)])
    write(socket, FRAME.end, '1000')
    expect(await node.received).toEqual({ bytes: 1000, end: 'whole' })
  })

  it('ends a connection on which more comes than was asked for', async () => {
    const node = await listen()
    const socket = await openByHand(node)
    await begin(socket)
    write(socket, FRAME.piece, '', [new Uint8Array(STREAM_WINDOW_BYTES + 1)])
    await closed(socket)
    expect(await node.received).toEqual({ bytes: 0, end: expect.any(TransportError) })
  })

  it.each([
    ['a piece that belongs to no stream', FRAME.piece, ''],
    ['an end that belongs to no stream', FRAME.end, '0'],
  ])('ends a connection with %s', async (_what, kind, head) => {
    const socket = await openByHand(await listen())
    write(socket, kind, head, kind === FRAME.piece ? [new Uint8Array(10)] : [])
    await closed(socket)
    expect(socket.destroyed).toBe(true)
  })

  it('fails as sent if the peer goes away in the middle', async () => {
    const node = openTransport()
    const begun = Promise.withResolvers<void>()
    const handler = async ({ stream }: { stream: ByteSource }): Promise<never> => {
      await stream.next()
      begun.resolve()
      return new Promise(() => {})
    }
    await node.serve(() => Promise.reject(new Error('no calls')), [], { handler, routes: [ROUTE] })
    const stream = { next: async () => new Uint8Array(65_536) }
    const request = { route: ROUTE, params: {}, body: [], stream }
    const sockets: Socket[] = []
    const through = await relay(node.address(), sockets)
    const reply = openTransport().stream(through, request, { silenceMs: 20_000 })
    const failure = reply.catch((error: unknown) => error)
    await begun.promise
    for (const socket of sockets) socket.destroy()
    const error = await failure
    expect(error).toBeInstanceOf(TransportError)
    expect((error as TransportError).wasSent).toBe(true)
  })
})

/** A port that leads to `address`, over sockets that a test can cut. */
async function relay(address: string, sockets: Socket[]): Promise<string> {
  const [host, port] = address.split(':') as [string, string]
  const server = createServer((socket) => {
    const onward = connect(Number(port), host)
    for (const one of [socket, onward]) {
      sockets.push(one)
      one.on('error', () => one.destroy())
    }
    socket.pipe(onward).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return `127.0.0.1:${(server.address() as { port: number }).port}`
}
