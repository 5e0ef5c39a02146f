/**
 * What a read says of copies (R23), beside what the disks hold: never more than there are on servers that are there, except for the
 * time in which a server that has just gone is not yet given up; and all of them once they were verified. A file of which no
 * copy can be had is refused in time, and it is said whether that is for a moment or for longer.
 */
import { isDeepStrictEqual } from 'node:util'
import { assert } from '@dfs/core'
import { DEAD_AFTER_MS, DfsError, parseFilePath } from '@dfs/protocol'
import { SimDisk, type SimNode } from '@dfs/sim-runtime'
import { describe, expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { contextAt, getFile, writeFile } from './sim-files.ts'

const CHUNK_BYTES = 64 * 1024
/** Records among others, a whole chunk, several chunks, and more than a volume holds. */
const SIZES = [40, 5000, CHUNK_BYTES, 3 * CHUNK_BYTES, 1_200_000]
/** Long enough that it occurs nowhere else. */
const NEEDLE_BYTES = 16
/** With the heartbeats before, and the look that finds it. */
const GIVEN_UP_MS = DEAD_AFTER_MS + 5000
/** Copies are verified, and may be made, meanwhile. */
const TRUE_WITHIN_S = 60
/** A refusal comes within this. */
const REFUSED_MS = 5000

interface Stored {
  readonly path: string
  readonly content: Uint8Array
}

async function started(seed: string, chunkServers: number): Promise<SimCluster> {
  const cluster = new SimCluster({ seed, chunkServers })
  await cluster.simulation.complete(() => cluster.start())
  // Volumes of the first moments may have fewer copies; they are replaced when all servers are known.
  await pass(cluster, 5000)
  return cluster
}

const pass = async ({ simulation }: SimCluster, ms: number): Promise<void> =>
  simulation.run({ untilMs: simulation.nowMs + ms })

async function write(cluster: SimCluster, through: SimNode, path: string, size: number): Promise<Stored> {
  const { simulation } = cluster
  const content = simulation.random.fork(path).bytes(size)
  const { copies } = await simulation.complete(() => writeFile(cluster.server(through), path, content))
  assert(copies === 3, `${path} has ${copies} copies`)
  return { path, content }
}

/** The copies that a read through this server says there are now; no byte is read. */
async function saidBy(cluster: SimCluster, node: SimNode, path: string): Promise<number> {
  const server = cluster.server(node)
  const reading = () => server.files.read({ path: parseFilePath(path), version: null }, contextAt(server))
  const { now } = await cluster.simulation.complete(reading)
  assert(now !== null, `${path} has bytes`)
  return now.copies
}

const running = (cluster: SimCluster): SimNode[] =>
  cluster.chunkNodes.filter((node) => cluster.serverIfUp(node) !== null)

/** On how many disks of servers that run every chunk of each file is, by path. */
function heldNow(cluster: SimCluster, files: readonly Stored[]): Map<string, number> {
  const disks = running(cluster).map(logsOf)
  return new Map(files.map((file) => [file.path, disks.filter((logs) => isIn(logs, file)).length]))
}

const logsOf = ({ disk }: SimNode): Buffer[] =>
  disk.names
    .list('volumes')
    .filter((name) => name.endsWith('.log'))
    .map((name) => Buffer.from(disk.peek(`volumes/${name}`)!))

function isIn(logs: readonly Buffer[], { content }: Stored): boolean {
  for (let at = 0; at < content.byteLength; at += CHUNK_BYTES) {
    const needle = content.subarray(at, at + NEEDLE_BYTES)
    if (!logs.some((log) => log.includes(needle))) return false
  }
  return true
}

const emptyDisk = ({ simulation }: SimCluster, { name }: SimNode): SimDisk =>
  new SimDisk(simulation.random.fork(`new disk of ${name}`))

/** Looks at all files while some seconds pass: no more is said of any than there is. */
async function watch(cluster: SimCluster, files: readonly Stored[], forMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < forMs; passedMs += 1000) {
    const said: [string, number][] = []
    for (const { path } of files) said.push([path, await saidBy(cluster, running(cluster)[0]!, path)])
    // Looked at afterwards: copies may be made meanwhile.
    const held = heldNow(cluster, files)
    for (const [path, copies] of said)
      expect(copies, `${path} after ${passedMs} ms`).toBeLessThanOrEqual(held.get(path)!)
    await pass(cluster, 1000)
  }
}

/** What is said of each file through every server comes to be what there is. */
async function expectTruth(cluster: SimCluster, files: readonly Stored[], when: string): Promise<void> {
  for (const node of running(cluster)) {
    let [said, held] = [new Map<string, number>(), heldNow(cluster, files)]
    for (let count = 0; count < TRUE_WITHIN_S && !isDeepStrictEqual(said, held); count += 1) {
      await pass(cluster, 1000)
      for (const { path } of files) said.set(path, await saidBy(cluster, node, path))
      held = heldNow(cluster, files)
    }
    expect(said, `through ${node.name}, ${when}`).toEqual(held)
  }
}

test.each(['process', 'power'] as const)(
  'a read says what copies there are while servers end (%s), come back, and come back with empty disks',
  async (kind) => {
    const cluster = await started(`receipts ${kind}`, 3)
    const { simulation, chunkNodes, masterNode } = cluster
    const files: Stored[] = []
    for (const [index, size] of SIZES.entries())
      files.push(await write(cluster, chunkNodes[index % 3]!, `/${index}`, size))
    await expectTruth(cluster, files, 'while all is well')

    const [gone, replaced] = [chunkNodes[1]!, chunkNodes[2]!]
    cluster.crash(gone, kind)
    await pass(cluster, GIVEN_UP_MS)
    expect(new Set(heldNow(cluster, files).values())).toEqual(new Set([2]))
    await expectTruth(cluster, files, 'one is dead')
    await simulation.complete(() => cluster.restart(gone))
    await watch(cluster, files, 20_000)
    await expectTruth(cluster, files, 'it is back')

    cluster.crash(replaced, kind)
    replaced.replaceDisk(emptyDisk(cluster, replaced))
    await simulation.complete(() => cluster.restart(replaced))
    // Nobody waits for the disk that was there to be silent for long enough.
    await watch(cluster, files, GIVEN_UP_MS)
    await expectTruth(cluster, files, 'a disk is empty')

    cluster.crash(masterNode, kind)
    await simulation.complete(() => cluster.restart(masterNode))
    await watch(cluster, files, 5000)
    await expectTruth(cluster, files, 'another start of the master')
  },
)

test('a server that restarts is counted at once with what its note says is verified', async () => {
  const cluster = await started('verified before', 3)
  const { simulation, chunkNodes } = cluster
  const [first, second] = chunkNodes as [SimNode, SimNode]
  // It fills a volume, which is sealed and verified.
  const files: Stored[] = []
  for (let index = 0; index < 30; index += 1)
    files.push(await write(cluster, first, `/${index}`, CHUNK_BYTES))
  await pass(cluster, 30_000)
  const [file] = files
  cluster.crash(second, 'process')
  await simulation.complete(() => cluster.restart(second))
  expect(await saidBy(cluster, first, file!.path)).toBe(3)
})

/** What a read comes to, and after how many milliseconds. */
async function refusalOf(
  cluster: SimCluster,
  node: SimNode,
  path: string,
): Promise<{ error: DfsError; tookMs: number }> {
  const { simulation } = cluster
  const fromMs = simulation.nowMs
  const error: unknown = await simulation
    .complete(() => getFile(cluster.server(node), path))
    .catch((thrown: unknown) => thrown)
  if (error instanceof DfsError) return { error, tookMs: simulation.nowMs - fromMs }
  throw new Error(`${path} was read`)
}

describe('a file of which no copy can be had', () => {
  /** Four servers; the file is on three, and the fourth is asked. */
  async function onThree(seed: string): Promise<{
    cluster: SimCluster
    file: Stored
    asked: SimNode
    holders: SimNode[]
  }> {
    const cluster = await started(seed, 4)
    const file = await write(cluster, cluster.chunkNodes[0]!, '/docs/file', 5000)
    const holders = cluster.chunkNodes.filter((node) => isIn(logsOf(node), file))
    const [asked] = cluster.chunkNodes.filter((node) => !holders.includes(node))
    assert(asked !== undefined && holders.length === 3, 'three servers have it')
    return { cluster, file, asked, holders }
  }

  test.each(['process', 'power'] as const)(
    'is refused in time, at first for a moment and then for longer, and read once one is back (%s)',
    async (kind) => {
      const { cluster, file, asked, holders } = await onThree(`refused ${kind}`)
      for (const node of holders) cluster.crash(node, kind)
      const early = await refusalOf(cluster, asked, file.path)
      expect(early.error).toMatchObject({ code: 'DATA_UNAVAILABLE', isLost: false })
      expect(early.tookMs).toBeLessThanOrEqual(REFUSED_MS)
      for (const part of [file.path, ...holders.map(({ name }) => name)])
        expect(early.error.detail).toContain(part)

      await pass(cluster, GIVEN_UP_MS)
      const late = await refusalOf(cluster, asked, file.path)
      expect(late.error).toMatchObject({ code: 'DATA_UNAVAILABLE', isLost: true })
      expect(late.tookMs).toBeLessThanOrEqual(REFUSED_MS)
      for (const node of holders) expect(late.error.detail).toContain(`${node.name} is dead`)

      await cluster.simulation.complete(() => cluster.restart(holders[2]!))
      const read = await cluster.simulation.complete(() => getFile(cluster.server(asked), file.path))
      expect(Buffer.from(read).equals(file.content)).toBe(true)
    },
  )

  test('is refused in time while its servers say nothing', async () => {
    const { cluster, file, asked, holders } = await onThree('silent')
    for (const node of holders) cluster.network.setLink(node.name, asked.name, { isCut: true })
    // Once with a budget for asking two at a time, and without.
    for (let count = 0; count < 40; count += 1) {
      const { error, tookMs } = await refusalOf(cluster, asked, file.path)
      expect(error).toMatchObject({ code: 'DATA_UNAVAILABLE', isLost: false })
      expect(tookMs).toBeLessThanOrEqual(REFUSED_MS)
    }
  })

  test('is lost at once if all disks were replaced by empty ones', async () => {
    const { cluster, file, asked, holders } = await onThree('replaced')
    for (const node of holders) {
      cluster.crash(node, 'power')
      node.replaceDisk(emptyDisk(cluster, node))
    }
    await cluster.simulation.complete(() => Promise.all(holders.map((node) => cluster.restart(node))))
    await pass(cluster, 2000)
    const { error, tookMs } = await refusalOf(cluster, asked, file.path)
    expect(error).toMatchObject({ code: 'DATA_UNAVAILABLE', isLost: true })
    expect(tookMs).toBeLessThan(100)
    for (const node of holders) expect(error.detail).toContain(`${node.name} runs on another disk now`)
  })
})
