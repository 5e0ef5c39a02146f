/**
 * An acknowledged write survives the loss of all copies in its receipt but one (R23): power fails everywhere while writes
 * are under way, all disks but one are gone for good, and what that one has is every byte of every acknowledged file. Where
 * a bit of it is wrong as well, the file is refused, and nothing else.
 */
import { assert } from '@dfs/core'
import { DfsError } from '@dfs/protocol'
import { SimDisk, type SimNode } from '@dfs/sim-runtime'
import { describe, expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, writeFile } from './sim-files.ts'

const CHUNK_BYTES = 64 * 1024
/** Records among others, whole chunks, several chunks, and more than a volume holds. */
const SIZES = [40, 700, 5000, CHUNK_BYTES, CHUNK_BYTES + 100, 3 * CHUNK_BYTES, 300_000, 1_200_000]
const FILES = 3 * SIZES.length
/** Power fails at this many answers; the other writes are under way then. */
const ACKNOWLEDGED = FILES - 2
/** Long enough that it occurs nowhere else. */
const NEEDLE_BYTES = 16

interface Stored {
  readonly path: string
  readonly content: Uint8Array
  readonly copies: number
}

async function started(seed: string): Promise<SimCluster> {
  const cluster = new SimCluster({ seed, chunkServers: 3 })
  const { simulation } = cluster
  await simulation.complete(() => cluster.start())
  // Volumes of the first moments may have two copies; they are replaced when all servers are known.
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  return cluster
}

/** Writes files of all sizes through these servers at the same time; what was acknowledged when power failed on all servers. */
async function writeUntilPowerFails(cluster: SimCluster, through: readonly SimNode[]): Promise<Stored[]> {
  const { simulation, chunkNodes } = cluster
  const acknowledged: Stored[] = []
  for (let index = 0; index < FILES; index += 1) {
    const path = `/${index}`
    const content = simulation.random.fork(path).bytes(SIZES[index % SIZES.length]!)
    void writeFile(cluster.server(through[index % through.length]!), path, content).then(({ copies }) => {
      acknowledged.push({ path, content, copies })
    })
  }
  await simulation.run({ isDone: () => acknowledged.length >= ACKNOWLEDGED })
  const stored = [...acknowledged]
  for (const node of chunkNodes) cluster.crash(node, 'power')
  return stored
}

/** The content of a file through a server; null where it is refused for want of a whole copy. */
function readThrough(cluster: SimCluster, node: SimNode, path: string): Promise<Uint8Array | null> {
  return cluster.simulation
    .complete(() => getFile(cluster.server(node), path))
    .catch((error: unknown) => {
      if (error instanceof DfsError && error.code === 'DATA_UNAVAILABLE') return null
      throw error
    })
}

/** Reads all files through a server; those that came otherwise than they were written. */
async function wrongReads(cluster: SimCluster, node: SimNode, files: readonly Stored[]): Promise<string[]> {
  const wrong: string[] = []
  for (const { path, content } of files) {
    const read = await readThrough(cluster, node, path)
    if (read === null) wrong.push(`${path} refused by ${node.name}`)
    else if (!Buffer.from(read).equals(content)) wrong.push(`${path} with other bytes from ${node.name}`)
  }
  return wrong
}

const emptyDisk = ({ simulation }: SimCluster, { name }: SimNode): SimDisk =>
  new SimDisk(simulation.random.fork(`new disk of ${name}`))

describe.each([0, 1, 2])('of three copies only the one on server %i is left', (survivorIndex) => {
  test('every acknowledged file is read from it, with the others gone and with empty ones in their place', async () => {
    const cluster = await started(`survivor ${survivorIndex}`)
    const { simulation, chunkNodes, masterNode } = cluster
    const survivor = chunkNodes[survivorIndex]!
    const lost = chunkNodes.filter((node) => node !== survivor)
    const files = await writeUntilPowerFails(cluster, chunkNodes)
    expect(files.length).toBe(ACKNOWLEDGED)
    expect(files.filter(({ copies }) => copies !== 3)).toEqual([])
    expect(new Set(files.map(({ content }) => content.byteLength))).toEqual(new Set(SIZES))

    await simulation.complete(() => cluster.restart(survivor))
    expect(await wrongReads(cluster, survivor, files), 'alone').toEqual([])

    for (const node of lost) {
      node.replaceDisk(emptyDisk(cluster, node))
      await simulation.complete(() => cluster.restart(node))
    }
    cluster.crash(masterNode, 'process')
    await simulation.complete(() => cluster.restart(masterNode))
    await simulation.run({ untilMs: simulation.nowMs + 60_000 })
    for (const node of chunkNodes) expect(await wrongReads(cluster, node, files), 'later').toEqual([])
  })

  test('a wrong bit in it: that file is refused, never other bytes, and all others are read', async () => {
    const cluster = await started(`damaged survivor ${survivorIndex}`)
    const { simulation, chunkNodes } = cluster
    const survivor = chunkNodes[survivorIndex]!
    const files = await writeUntilPowerFails(cluster, chunkNodes)
    await simulation.complete(() => cluster.restart(survivor))
    for (const [index, file] of files.entries()) {
      const last = file.content.byteLength - 1
      for (const at of new Set([0, Math.floor(last / 2), last])) {
        const flip = (): void => flipBitOf(survivor, file, at, (index + at) % 8)
        flip()
        expect(await readThrough(cluster, survivor, file.path), `${file.path}, byte ${at}`).toBeNull()
        // And back.
        flip()
      }
    }
    expect(await wrongReads(cluster, survivor, files), 'each bit as it was').toEqual([])
    const [harmed, ...whole] = files
    flipBitOf(survivor, harmed!, 0, 0)
    expect(await wrongReads(cluster, survivor, files)).toEqual([
      `${harmed!.path} refused by ${survivor.name}`,
    ])
    expect(await wrongReads(cluster, survivor, whole)).toEqual([])
  })
})

test.each([0, 1])('of two copies only the one on server %i is left', async (survivorIndex) => {
  const cluster = await started(`two copies, survivor ${survivorIndex}`)
  const { simulation, chunkNodes } = cluster
  const [away, survivor] = [chunkNodes[2]!, chunkNodes[survivorIndex]!]
  cluster.crash(away, 'power')
  const files = await writeUntilPowerFails(cluster, chunkNodes.slice(0, 2))
  expect(files.filter(({ copies }) => copies !== 2)).toEqual([])
  await simulation.complete(() => Promise.all([survivor, away].map((node) => cluster.restart(node))))
  for (const node of [survivor, away]) expect(await wrongReads(cluster, node, files)).toEqual([])
})

/** Turns a bit of the byte `at` of a file's content on the disk of a node, as often as it stands there; twice is as before. */
function flipBitOf({ disk }: SimNode, { path, content }: Stored, at: number, bit: number): void {
  const chunkStart = at - (at % CHUNK_BYTES)
  const chunkEnd = Math.min(chunkStart + CHUNK_BYTES, content.byteLength)
  // Behind the byte itself, so that it is found again once that is wrong; at the end of a chunk, before it.
  const from = at + 1 + NEEDLE_BYTES <= chunkEnd ? at + 1 : at - NEEDLE_BYTES
  assert(from >= chunkStart, 'what is looked for lies in one chunk')
  const needle = content.subarray(from, from + NEEDLE_BYTES)
  let count = 0
  for (const name of disk.names.list('volumes').filter((file) => file.endsWith('.log'))) {
    const log = `volumes/${name}`
    const bytes = Buffer.from(disk.peek(log)!)
    for (let found = bytes.indexOf(needle); found >= 0; found = bytes.indexOf(needle, found + 1)) {
      disk.flipBit(log, found + at - from, bit)
      count += 1
    }
  }
  assert(count > 0, `byte ${at} of ${path} is on the disk`)
}
