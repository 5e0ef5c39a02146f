/** Damage on the disks of a running cluster: nobody reads it, the master hears of it, and the copies are identical again. */
import { type SimNode } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { contextAt, getFile, putFile } from './sim-files.ts'

const BLOCK_BYTES = 64 * 1024
const content = (size: number, seed: number): Uint8Array =>
  new Uint8Array(size).map((_, index) => index * 31 + seed)

const SIZES = [300, 70_000, 500_000, 4000]

async function clusterWithFiles(seed: string): Promise<SimCluster> {
  const cluster = new SimCluster({ seed, chunkServers: 3 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  for (const [index, size] of SIZES.entries()) {
    const node = chunkNodes[index % 3]!
    await simulation.complete(() => putFile(cluster.server(node), `/${index}`, content(size, index)))
  }
  return cluster
}

/** Reads every file through every server; the reads that gave other bytes. */
async function wrongReads(cluster: SimCluster): Promise<string[]> {
  const wrong: string[] = []
  for (const node of cluster.chunkNodes) {
    for (const [index, size] of SIZES.entries()) {
      const read = await cluster.simulation.complete(() => getFile(cluster.server(node), `/${index}`))
      if (!Buffer.from(read).equals(content(size, index))) wrong.push(`/${index} through ${node.name}`)
    }
  }
  return wrong
}

const logsOf = ({ disk }: SimNode): string[] =>
  disk.names
    .list('volumes')
    .filter((name) => name.endsWith('.log'))
    .map((name) => `volumes/${name}`)

/** Flips a bit in every block of every log of a node. */
function damageEverything(node: SimNode): number {
  let count = 0
  for (const name of logsOf(node)) {
    const size = node.disk.peek(name)!.byteLength
    for (let at = 0; at < size; at += BLOCK_BYTES) {
      node.disk.flipBit(name, Math.min(size - 1, at + 1000), 3)
      count += 1
    }
  }
  return count
}

/** Logs that are not the same on all nodes that have them; the records that count stand at their start. */
function differingLogs(cluster: SimCluster): string[] {
  const [first, ...others] = cluster.chunkNodes
  return logsOf(first!).filter((name) => {
    const bytes = Buffer.from(first!.disk.peek(name)!)
    return others.some(({ disk }) => disk.peek(name) !== null && !bytes.equals(disk.peek(name)!))
  })
}

const repairedOf = async (cluster: SimCluster, name: string): Promise<number> => {
  const { servers } = await cluster.master.namespace.viewCluster(contextAt(cluster.master))
  return servers.find((server) => server.name === name)!.repairedRecords
}

test('a wrong bit in every block of one server is never read, and mended while the volumes are in use', async () => {
  const cluster = await clusterWithFiles('every block')
  const { simulation, chunkNodes } = cluster
  const [, sick] = chunkNodes
  expect(damageEverything(sick!)).toBeGreaterThan(8)
  expect(await wrongReads(cluster)).toEqual([])
  await simulation.run({ untilMs: simulation.nowMs + 30_000 })
  expect(differingLogs(cluster)).toEqual([])
  expect(await simulation.complete(() => repairedOf(cluster, sick!.name))).toBeGreaterThan(5)
  expect(await wrongReads(cluster)).toEqual([])
})

test('damage that comes back is found again and mended again', async () => {
  const cluster = await clusterWithFiles('again')
  const { simulation, chunkNodes } = cluster
  for (let round = 0; round < 3; round += 1) {
    damageEverything(chunkNodes[round]!)
    expect(await wrongReads(cluster)).toEqual([])
    await simulation.run({ untilMs: simulation.nowMs + 90_000 })
    expect(differingLogs(cluster)).toEqual([])
  }
})

test('a power cut during the repair costs nothing', async () => {
  for (let seed = 0; seed < 6; seed += 1) {
    const cluster = await clusterWithFiles(`power cut ${seed}`)
    const { simulation, chunkNodes } = cluster
    const sick = chunkNodes[1]!
    damageEverything(sick)
    expect(await wrongReads(cluster)).toEqual([])
    let isWriting = false
    sick.disk.faultHook = ({ kind, name }) => {
      isWriting ||= kind === 'write' && name.endsWith('.log')
      return null
    }
    await simulation.run({ isDone: () => isWriting })
    await simulation.run({ untilMs: simulation.nowMs + seed })
    await simulation.complete(() => cluster.restartChunkServer(sick, 'power'))
    await simulation.run({ untilMs: simulation.nowMs + 60_000 })
    expect(await wrongReads(cluster)).toEqual([])
    await simulation.run({ untilMs: simulation.nowMs + 60_000 })
    expect(differingLogs(cluster)).toEqual([])
  }
})

test('what is damaged on every server is an error from the catalogue, and the rest is still mended', async () => {
  const cluster = await clusterWithFiles('everywhere')
  const { simulation, chunkNodes } = cluster
  const lost = simulation.random.fork('lost').bytes(5000)
  await simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), '/lost', lost))
  await simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), '/kept', content(5000, 10)))
  for (const node of chunkNodes) {
    for (const name of logsOf(node)) {
      const at = Buffer.from(node.disk.peek(name)!).indexOf(lost)
      if (at >= 0) node.disk.flipBit(name, at + 2000, 5)
    }
  }
  const reading = simulation.complete(() => getFile(cluster.server(chunkNodes[1]!), '/lost'))
  await expect(reading).rejects.toMatchObject({ code: 'DATA_UNAVAILABLE' })
  await simulation.run({ untilMs: simulation.nowMs + 60_000 })
  const kept = await simulation.complete(() => getFile(cluster.server(chunkNodes[1]!), '/kept'))
  expect(Buffer.from(kept).equals(content(5000, 10))).toBe(true)
  expect(await wrongReads(cluster)).toEqual([])
})

test('what the disk of another server cannot read is mended there', async () => {
  const cluster = new SimCluster({ seed: 'unreadable elsewhere', chunkServers: 4 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), '/file', content(5000, 1)))
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const holdsIt = (node: SimNode): boolean =>
    logsOf(node).some((name) => node.disk.peek(name)!.byteLength > 5000)
  const reader = cluster.server(chunkNodes.find((node) => !holdsIt(node))!)
  const holders = chunkNodes.filter(holdsIt)
  const mended = new Set<SimNode>()
  // A bad sector: it cannot be read until it is written again. Every copy but one has it.
  for (const node of holders.slice(0, -1)) {
    node.disk.faultHook = ({ kind, name, bytes }) => {
      if (kind === 'write') mended.add(node)
      const isBad = kind === 'read' && name.endsWith('.log') && bytes > 0 && !mended.has(node)
      return isBad ? { kind: 'error', error: 'io' } : null
    }
  }
  const read = await simulation.complete(() => getFile(reader, '/file'))
  expect(Buffer.from(read).equals(content(5000, 1))).toBe(true)
  await simulation.run({ untilMs: simulation.nowMs + 60_000 })
  expect(mended.size).toBeGreaterThan(0)
})

test('a report of damage where there is none changes nothing', async () => {
  const cluster = await clusterWithFiles('false alarm')
  const { simulation, chunkNodes, masterNode } = cluster
  const [node] = chunkNodes
  const before = await simulation.complete(() => repairedOf(cluster, node!.name))
  // Wrong on the way from the disk, not on it.
  let isFlipped = false
  node!.disk.faultHook = ({ kind, name, bytes }) => {
    if (kind !== 'read' || !name.endsWith('.log') || isFlipped) return null
    isFlipped = true
    return { kind: 'flip', at: bytes - 1, bit: 1 }
  }
  expect(await wrongReads(cluster)).toEqual([])
  await simulation.run({ untilMs: simulation.nowMs + 30_000 })
  expect(isFlipped).toBe(true)
  expect(masterNode.log.lines.some(({ message }) => message.includes('is said to be damaged'))).toBe(true)
  expect(await simulation.complete(() => repairedOf(cluster, node!.name))).toBe(before)
  expect(differingLogs(cluster)).toEqual([])
})
