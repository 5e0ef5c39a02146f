/** Strangers at the listener between nodes: few at once, not for long, and never in the way of a peer. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Log, utf8 } from '@dfs/core'
import { NodeClock } from '../src/clock.ts'
import { UNPROVEN_MAX } from '../src/calls/unproven.ts'
import { NodeTransport } from '../src/calls/node-transport.ts'

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const clusterKey = new Uint8Array(32).fill(7)
let node: NodeTransport
let peer: NodeTransport
let strangers: Socket[]

const transport = (): NodeTransport =>
  new NodeTransport({
    listenHost: '127.0.0.1',
    listenPort: 0,
    clusterKey,
    clock: new NodeClock(),
    log: silent,
  })

beforeEach(async () => {
  strangers = []
  node = transport()
  peer = transport()
  await node.serve(async ({ body }) => ({ ok: true, body }), ['POST /v1/echo'])
})
afterEach(async () => {
  for (const stranger of strangers) stranger.destroy()
  await peer[Symbol.asyncDispose]()
  await node[Symbol.asyncDispose]()
})

const call = () =>
  peer.call(node.address(), { route: 'POST /v1/echo', params: {}, body: [utf8('x')] }, { timeoutMs: 10_000 })

/** A connection that sends `bytes`, and nothing more. */
async function stranger(bytes: string): Promise<Socket> {
  const socket = connect(Number(node.address().split(':')[1]), '127.0.0.1')
  strangers.push(socket)
  socket.on('error', () => socket.destroy())
  socket.resume()
  await once(socket, 'connect')
  if (bytes !== '') socket.write(bytes)
  return socket
}

describe.each([
  ['say nothing', ''],
  ['begin a request', 'GET /v1/calls HTTP/1.1\r\nHost: x\r\n'],
])('1,500 strangers that %s', (_name, bytes) => {
  test('keep no peer out, neither one that was there before nor a new one', async () => {
    expect((await call()).ok).toBe(true)
    for (let count = 0; count < 1500; count += 50)
      await Promise.all(Array.from({ length: 50 }, () => stranger(bytes)))
    expect((await call()).ok).toBe(true)
    const other = peer
    peer = transport()
    expect((await call()).ok).toBe(true)
    other.closeClient()
    expect(strangers.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(UNPROVEN_MAX + 50)
  })
})

test('a stranger is gone after some seconds', async () => {
  const socket = await stranger('')
  await once(socket, 'close')
  expect(socket.destroyed).toBe(true)
})
