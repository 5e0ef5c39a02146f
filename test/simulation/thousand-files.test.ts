/**
 * The seams suffice: the real services run on a virtual clock, an in-memory network and in-memory disks, and a run depends
 * on its seed alone.
 */
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { contextAt, getFile, putFile, randomContent } from './sim-files.ts'

const FILES = 1000
const IN_FLIGHT = 16

interface Run {
  readonly trace: string
  readonly virtualMs: number
  readonly events: number
}

/** Stores files through all chunk servers, crashes one half-way, and reads everything back through another one. */
async function storeAndRead(seed: string): Promise<Run> {
  const cluster = new SimCluster({ seed, chunkServers: 3 })
  const { simulation, chunkNodes } = cluster
  const random = simulation.random.fork('workload')
  await simulation.complete(() => cluster.start())

  const contents = new Map<string, Uint8Array>()
  for (let index = 0; index < FILES; index += 1) {
    const bytesMax = index % 100 === 99 ? 600_000 : 4000
    contents.set(`/dir-${index % 7}/file-${index}`, randomContent(random, bytesMax))
  }
  const names = [...contents.keys()]
  const store = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at += IN_FLIGHT) {
      const group = names.slice(at, Math.min(to, at + IN_FLIGHT))
      await Promise.all(
        group.map((name, index) =>
          putFile(cluster.server(chunkNodes[index % 3]!), name, contents.get(name)!),
        ),
      )
    }
  }
  await simulation.complete(() => store(0, FILES / 2))
  await simulation.complete(() => cluster.restartChunkServer(chunkNodes[2]!, 'power'))
  await simulation.complete(() => store(FILES / 2, FILES))

  await simulation.complete(async () => {
    for (const [index, name] of names.entries()) {
      const read = await getFile(cluster.server(chunkNodes[(index + 1) % 3]!), name)
      expect(Buffer.from(read).equals(contents.get(name)!), name).toBe(true)
    }
  })
  const view = await simulation.complete(() =>
    cluster.master.namespace.viewCluster(contextAt(cluster.master)),
  )
  expect(view.totals.files).toBe(FILES)
  expect(view.totals.volumesSealed, 'volumes filled and were sealed').toBeGreaterThan(3)
  return { trace: simulation.traceHash(), virtualMs: simulation.nowMs, events: simulation.eventsCount }
}

test('a thousand files survive a power cut of one server, and the same seed gives the same trace', async () => {
  const first = await storeAndRead('thousand files')
  const second = await storeAndRead('thousand files')
  expect(second).toEqual(first)
  const other = await storeAndRead('another seed')
  expect(other.trace).not.toBe(first.trace)
})
