/** Clients that take a file slowly, or nothing of it for long: what they get in the end is the file, and nothing else. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildTestApp, type TestApp } from './support/apps.ts'
import { listen } from './support/raw-socket.ts'

/** More than the kernel takes for a client that reads nothing. */
const SIZE = 64 * 1024 * 1024
const PIECE = 256 * 1024

let node: TestApp
let port: number
/** Each piece differs from all others. */
const content = new Uint32Array(SIZE / 4).map((_, index) => index)

beforeEach(async () => {
  node = await buildTestApp('serve')
  node.memory.pieceSize = PIECE
  node.memory.store('/f', new Uint8Array(content.buffer))
  port = await listen(node.app)
})
afterEach(() => node.app.close())

/** Resolves when the answer has begun, and takes nothing of it. */
async function ask(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.write('GET /v1/files/f HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  await once(socket, 'readable')
  return socket
}

async function takeAll(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = await Array.fromAsync(socket as AsyncIterable<Buffer>)
  const answer = Buffer.concat(pieces)
  return answer.subarray(answer.indexOf('\r\n\r\n') + 4)
}

const isContent = (bytes: Buffer): boolean => bytes.equals(Buffer.from(content.buffer))

describe('a client that pauses', () => {
  test('gets every byte: a piece is not asked for before the one before has left', async () => {
    expect(isContent(await takeAll(await ask()))).toBe(true)
  })

  test('is not ended because it takes nothing for longer than a connection may be idle', async () => {
    node.app.server.timeout = 50
    const connected = once(node.app.server, 'connection')
    const socket = await ask()
    const [serverSide] = (await connected) as [Socket]
    await once(serverSide, 'timeout')
    expect(isContent(await takeAll(socket))).toBe(true)
  })

  test('is ended when its memory is needed: the answer breaks off, and what it held is given back', async () => {
    const socket = await ask()
    expect(node.memory.readsOpen).toBe(1)
    node.memory.endReader()
    const bytes = await takeAll(socket)
    expect(bytes.byteLength).toBeLessThan(SIZE)
    expect(node.memory.readsOpen).toBe(0)
  })
})

test('an idle connection without a request is still closed', async () => {
  node.app.server.timeout = 20
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.resume()
  await once(socket, 'close')
  expect(socket.bytesRead).toBe(0)
})
