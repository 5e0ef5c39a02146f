/**
 * Clients that ask for a large file and take little of it, or nothing: a chunk server's memory stays within its bound, those
 * that read get every byte, and whoever only pauses goes on later. The bytes are compared: a buffer that is lent again while
 * it is being sent would show here.
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MIB } from '@dfs/protocol'
import { memoryMib, RealCluster } from './real-cluster.ts'

const WITHIN_MS = 4 * 60_000
const STALLED = 500
const READERS = 50
/** About 220 MiB after the upload, and all that a server keeps for readers: 285 in all; see docs/performance.md. */
const MEMORY_MIB_MAX = 350

const content = randomBytes(64 * MIB)
const short = content.subarray(0, 3 * MIB + 12_345)
let cluster: RealCluster

beforeAll(async () => {
  cluster = await RealCluster.start()
  await put('long', content)
  await put('short', short)
}, WITHIN_MS)
afterAll(() => cluster.end(), WITHIN_MS)

const server = (): string => cluster.serverUrls[0]!
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function put(name: string, body: Buffer<ArrayBuffer>): Promise<void> {
  const answer = await fetch(`${server()}/v1/files/${name}`, { method: 'PUT', body })
  expect(answer.ok).toBe(true)
}

/** Asks for the long file and takes nothing of it, once the answer has begun. */
async function ask(): Promise<Socket> {
  const socket = connect(Number(new URL(server()).port), '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.write('GET /v1/files/long HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  await once(socket, 'readable')
  return socket
}

/** Takes the rest of an answer; `pause` is called between two pieces. */
async function takeAll(
  socket: Socket,
  pause: (taken: number) => Promise<void> = async () => {},
): Promise<Buffer> {
  const pieces: Buffer[] = []
  let taken = 0
  for await (const piece of socket as AsyncIterable<Buffer>) {
    pieces.push(piece)
    taken += piece.byteLength
    await pause(taken)
  }
  const answer = Buffer.concat(pieces)
  return answer.subarray(answer.indexOf('\r\n\r\n') + 4)
}

async function readShort(): Promise<string> {
  const answer = await fetch(`${server()}/v1/files/short`)
  return sha256(new Uint8Array(await answer.arrayBuffer()))
}

/** Milliseconds that readers of the short file take, all at once; every one of them gets its bytes. */
async function readTogether(): Promise<number> {
  const fromMs = performance.now()
  const found = await Promise.all(Array.from({ length: READERS }, readShort))
  expect(new Set(found)).toEqual(new Set([sha256(short)]))
  return performance.now() - fromMs
}

describe(`${STALLED} readers that take nothing`, () => {
  it(
    'cost a bounded amount of memory, are noticed by nobody, and go on where they stopped',
    async () => {
      const aloneMs = await readTogether()
      const stalled = await Promise.all(Array.from({ length: STALLED }, ask))
      const besideMs = await readTogether()
      const peakMib = memoryMib(cluster.pids.get('chunk-server-1')!, 'VmHWM')
      expect(peakMib).toBeLessThan(MEMORY_MIB_MAX)
      // Generous: a machine that does other things at the same time must not fail this.
      expect(besideMs).toBeLessThan(3 * aloneMs + 3000)
      expect(stalled.filter(({ destroyed }) => destroyed)).toHaveLength(0)
      const resumed = await Promise.all(stalled.slice(0, 3).map((socket) => takeAll(socket)))
      for (const bytes of resumed) {
        expect(bytes.byteLength).toBe(content.byteLength)
        expect(sha256(bytes)).toBe(sha256(content))
      }
      for (const socket of stalled) socket.destroy()
    },
    WITHIN_MS,
  )
})

describe('readers of different speed', () => {
  it(
    'each get their own bytes',
    async () => {
      const random = randomBytes(4096)
      const slow = async (number: number): Promise<string> => {
        let pauses = 0
        const bytes = await takeAll(await ask(), async (taken) => {
          // Every few MiB, for long enough that others get the buffers that it does not hold.
          if (taken < (pauses + 1) * 4 * MIB) return
          pauses += 1
          await new Promise((resolve) => setTimeout(resolve, random[(number * 16 + pauses) % 4096]!))
        })
        return sha256(bytes)
      }
      const reading = Array.from({ length: 6 }, (_, number) => slow(number))
      await Promise.all([readTogether(), readTogether()])
      expect(new Set(await Promise.all(reading))).toEqual(new Set([sha256(content)]))
    },
    WITHIN_MS,
  )
})
