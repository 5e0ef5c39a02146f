/**
 * Reads while one holder of a copy is slow, paused, or cannot be heard: they take the time of a healthy copy and a little
 * more, never a time-out, and not even that once the sick one is known.
 */
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

/** Far below the three seconds after which a copy that says nothing is given up. */
const HEDGED_READ_MS = 400
const FILES = 12
/** More than what is read on the calling thread, so that a slow disk does not stop the server itself. */
const SIZE_BYTES = 150_000

const contentOf = (file: number): Uint8Array => new Uint8Array(SIZE_BYTES).fill(file + 1)

/** Four servers, so that each holds some files and not others. */
async function clusterWithFiles(seed: string): Promise<SimCluster> {
  const cluster = new SimCluster({ seed, chunkServers: 4 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  for (let file = 0; file < FILES; file += 1) {
    const node = chunkNodes[file % chunkNodes.length]!
    await simulation.complete(() => putFile(cluster.server(node), `/${file}`, contentOf(file)))
  }
  return cluster
}

/** Milliseconds that each read through `reader` took, its bytes checked. */
async function readAll(cluster: SimCluster, reader: number): Promise<number[]> {
  const { simulation, chunkNodes } = cluster
  const durations: number[] = []
  for (let file = 0; file < FILES; file += 1) {
    const fromMs = simulation.nowMs
    const read = await simulation.complete(() => getFile(cluster.server(chunkNodes[reader]!), `/${file}`))
    expect(Buffer.from(read).equals(contentOf(file)), `/${file}`).toBe(true)
    durations.push(simulation.nowMs - fromMs)
  }
  return durations
}

const total = (durations: readonly number[]): number => durations.reduce((sum, each) => sum + each, 0)

test("a coordinator whose own disk is slow reads from its peers' copies", async () => {
  const cluster = await clusterWithFiles('slow disk')
  cluster.chunkNodes[0]!.disk.faultHook = ({ kind, name }) =>
    kind === 'read' && name.endsWith('.log') ? { kind: 'slow', extraMs: 20_000 } : null
  const durations = await readAll(cluster, 0)
  expect(Math.max(...durations)).toBeLessThan(HEDGED_READ_MS)
  expect(total(await readAll(cluster, 0)), 'by now its own copies are asked last').toBeLessThan(FILES * 40)
})

test('a paused server is not waited for', async () => {
  const cluster = await clusterWithFiles('paused')
  cluster.chunkNodes[1]!.pause()
  const durations = await readAll(cluster, 0)
  expect(Math.max(...durations)).toBeLessThan(HEDGED_READ_MS)
  cluster.chunkNodes[1]!.resume()
})

test('a server whose answers do not arrive is not waited for', async () => {
  const cluster = await clusterWithFiles('one way')
  const [reader, silent] = cluster.chunkNodes
  cluster.network.setLink(silent!.name, reader!.name, { isCut: true })
  const durations = await readAll(cluster, 0)
  expect(Math.max(...durations)).toBeLessThan(HEDGED_READ_MS)
})

test('while all is well no copy is asked in vain', async () => {
  const cluster = await clusterWithFiles('well')
  let reads = 0
  for (const { disk } of cluster.chunkNodes) {
    disk.faultHook = ({ kind, name }) => {
      if (kind === 'read' && name.endsWith('.log')) reads += 1
      return null
    }
  }
  await readAll(cluster, 0)
  // Three chunks of 64 KiB each.
  expect(reads).toBe(FILES * 3)
})
