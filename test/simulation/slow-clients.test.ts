/** Slow clients cost themselves: however many there are, others store long files, and all content arrives whole, in both directions. */
import { type ChunkServer } from '@dfs/chunk-server'
import { type Clock } from '@dfs/core'
import { KIB, parseFilePath } from '@dfs/protocol'
import { expect, test } from 'vitest'
import { drawPace, readFile } from './run/reading.ts'
import { SimCluster } from './sim-cluster.ts'
import { contextAt, getFile, putFile } from './sim-files.ts'

const SLOW_CLIENTS = 50
const UNCONDITIONAL = { ifMatch: null, ifNoneMatch: null, mustCreate: false }

/** Sends 100 KiB at once, and then a byte every five seconds. */
async function putSlowly(server: ChunkServer, clock: Clock, path: string): Promise<void> {
  let sent = 0
  const body = {
    next: async () => {
      sent += 1
      if (sent === 1) return new Uint8Array(100 * KIB).fill(1)
      await clock.sleep(5000)
      return sent > 30 ? null : Uint8Array.of(sent)
    },
  }
  const request = {
    path: parseFilePath(path),
    precondition: UNCONDITIONAL,
    contentType: 'text/plain',
    executable: false,
    declaredSize: 2 ** 30,
    digests: [],
  }
  await server.files.write(request, body, contextAt(server))
}

test('a fast long write goes through while fifty slow ones are under way, and all of them end whole', async () => {
  const cluster = new SimCluster({
    seed: 'slow',
    chunkServers: 3,
    chunkSizeBytes: 256 * KIB,
    volumeSizeBytes: 4096 * KIB,
  })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  const node = chunkNodes[0]!
  const server = cluster.server(node)
  await simulation.complete(async () => {
    const { clock } = node.runtime
    const slow = Array.from({ length: SLOW_CLIENTS }, (_, index) =>
      putSlowly(server, clock, `/slow-${index}`),
    )
    await clock.sleep(3000)
    const beforeMs = clock.monotonicMs()
    const content = new Uint8Array(3000 * KIB).map((_, index) => index * 7)
    await putFile(server, '/fast', content)
    expect(clock.monotonicMs() - beforeMs, 'virtual milliseconds').toBeLessThan(60_000)
    expect(Buffer.from(await getFile(server, '/fast')).equals(content)).toBe(true)
    await Promise.all(slow)
  })
  const read = await simulation.complete(() => getFile(cluster.server(chunkNodes[1]!), '/slow-7'))
  expect(read.byteLength).toBe(100 * KIB + 29)
  expect([...read.subarray(100 * KIB)]).toEqual(Array.from({ length: 29 }, (_, index) => index + 2))
})

test('readers that take their time over large pieces get the bytes of their own file, each of them', async () => {
  const chunkSizeBytes = 512 * KIB
  const cluster = new SimCluster({
    seed: 'slow readers',
    chunkServers: 3,
    chunkSizeBytes,
    volumeSizeBytes: 16 * chunkSizeBytes,
  })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  const server = cluster.server(chunkNodes[0]!)
  const { clock, files } = server
  const reachable = { clock, read: files.read.bind(files) }
  const contents = Array.from({ length: 6 }, (_, index) => new Uint8Array(3 * chunkSizeBytes).fill(index + 1))
  for (const [index, content] of contents.entries())
    await simulation.complete(() => putFile(server, `/${index}`, content))
  const counts = { heldPieces: 0 }
  const readOne = async (reader: number): Promise<string | null> => {
    const random = simulation.random.fork(`reader ${reader}`)
    const file = reader % contents.length
    const pace = drawPace(random, 500)
    const manner = { simulation, random, pace, counts, onVersion: () => {} }
    const { start, bytes } = await readFile(reachable, `/${file}`, manner)
    const isRight = Buffer.from(bytes).equals(contents[file]!.subarray(start, start + bytes.byteLength))
    return isRight ? null : `reader ${reader} of /${file}`
  }
  const wrong = await simulation.complete(() =>
    Promise.all(Array.from({ length: 40 }, (_, reader) => readOne(reader))),
  )
  expect(wrong.filter((reader) => reader !== null)).toEqual([])
  expect(counts.heldPieces).toBeGreaterThan(40)
})
