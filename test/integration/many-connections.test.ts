/** More connections than there are places, all of strangers that do nothing: whoever comes to do something is served. */
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { memoryMib, RealCluster } from './real-cluster.ts'

const WITHIN_MS = 3 * 60_000
/** More than the 4,096 places of a public listener, and than the places of all strangers between nodes. */
const IDLE = 4000
const BEGUN = 1000
const STRANGERS = 1500
/** Each costs a socket, a parser and what Node keeps beside it. */
const GROWTH_MIB_MAX = 100

/** Files that this process may have open. */
function openFilesMax(): number {
  if (process.platform !== 'linux') return 0
  return Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0)
}

let cluster: RealCluster
let sockets: Socket[] = []

beforeAll(async () => {
  cluster = await RealCluster.start()
}, WITHIN_MS)
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  sockets = []
})
afterAll(() => cluster.end(), WITHIN_MS)

/** Connections that send `bytes` and nothing more, some at a time so that none waits in the kernel's queue. */
async function open(port: number, count: number, bytes: string): Promise<void> {
  const one = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => socket.destroy())
    socket.resume()
    await Promise.race([once(socket, 'connect'), once(socket, 'close')])
    if (bytes !== '') socket.write(bytes)
  }
  for (let opened = 0; opened < count; opened += 100) await Promise.all(Array.from({ length: 100 }, one))
}

const portOf = (url: string): number => Number(new URL(url).port)

describe.skipIf(openFilesMax() < 6000)(`${IDLE} idle connections and ${BEGUN} unfinished requests`, () => {
  it.each(['master', 'chunk-server-1'])(
    'lock nobody out of %s',
    async (node) => {
      const url = node === 'master' ? cluster.masterUrl : cluster.serverUrls[0]!
      const pid = cluster.pids.get(node)!
      const before = memoryMib(pid, 'VmRSS')
      await open(portOf(url), IDLE, '')
      await open(portOf(url), BEGUN, 'GET /v1/files/f HTTP/1.1\r\nHost: localhost\r\nX: ')
      for (let count = 0; count < 20; count += 1) {
        const answer = await fetch(`${url}/v1/directories/`, { headers: { connection: 'close' } })
        expect(answer.ok).toBe(true)
        await answer.arrayBuffer()
      }
      expect(memoryMib(pid, 'VmRSS') - before).toBeLessThan(GROWTH_MIB_MAX)
      expect(cluster.pids.get(node)).toBe(pid)
    },
    WITHIN_MS,
  )
})

describe(`${STRANGERS} connections that prove nothing`, () => {
  it(
    'keep no chunk server from registering with the master',
    async () => {
      await open(portOf(cluster.masterUrl) + 100, STRANGERS, '')
      await cluster.killAndAwait('chunk-server-1')
      expect((await cluster.servers()).map(({ liveness }) => liveness)).toEqual(['alive', 'alive', 'alive'])
    },
    WITHIN_MS,
  )
})
