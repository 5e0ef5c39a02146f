/**
 * One sick part at a time: a disk that takes nothing, full disks, a network that carries one way only, a data directory out
 * of a backup. None may cost what was acknowledged, nor fill up the rest of the cluster.
 */
import { assert, readWhole, writeDurably } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { type SimNode } from '@dfs/sim-runtime'
import { IDENTITY_FILES, parseIdentity, type StoredIdentity } from '@dfs/volume'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { contextAt, getFile, putFile } from './sim-files.ts'

const MINUTE_MS = 60_000

const volumesOf = async (cluster: SimCluster): Promise<{ open: number; all: number }> => {
  const { totals } = await cluster.master.namespace.viewCluster(contextAt(cluster.master))
  return { open: totals.volumesOpen, all: totals.volumesOpen + totals.volumesSealed }
}

test('a disk that takes no records does not fill the cluster with volumes', async () => {
  const cluster = new SimCluster({ seed: 'sick disk', chunkServers: 3 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  // New logs can be made, but no record reaches the disk.
  chunkNodes[0]!.disk.faultHook = ({ kind, name, bytes }) =>
    kind === 'append' && name.endsWith('.log') && bytes > 0 ? { kind: 'error', error: 'io' } : null
  const before = await simulation.complete(() => volumesOf(cluster))
  const fromMs = simulation.nowMs
  const content = new Uint8Array(100).fill(7)
  const writing = simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), '/a', content))
  await expect(writing, 'it must not go on for ever').rejects.toMatchObject({ code: 'COPY_ERROR' })
  const seconds = (simulation.nowMs - fromMs) / 1000
  const after = await simulation.complete(() => volumesOf(cluster))
  expect(seconds).toBeLessThan(30)
  expect(after.all - before.all, `volumes made in ${seconds} s`).toBeLessThan(10 + 4 * seconds)
})

test('a peer that makes copies but takes no records is avoided for longer and longer', async () => {
  const cluster = new SimCluster({ seed: 'sick peer', chunkServers: 3 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  chunkNodes[1]!.disk.faultHook = ({ kind, name, bytes }) =>
    kind === 'append' && name.endsWith('.log') && bytes > 0 ? { kind: 'error', error: 'io' } : null
  const [node] = chunkNodes
  const avoidedSeconds: number[] = []
  await simulation.complete(async () => {
    for (let second = 0; second < 600; second += 1) {
      await putFile(cluster.server(node!), `/${second}`, new Uint8Array(100))
      if (cluster.server(node!).directory.unreachable().length > 0) avoidedSeconds.push(second)
      await node!.runtime.clock.sleep(1000)
    }
  })
  expect(avoidedSeconds.filter((second) => second >= 540).length, 'in the last minute').toBeGreaterThan(20)
})

test('files can be read after all disks were full at the same time', async () => {
  const cluster = new SimCluster({ seed: 'full', chunkServers: 3 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  const content = new Uint8Array(15_000).fill(7)
  await simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), '/stored', content))
  for (const { disk } of chunkNodes) {
    disk.faultHook = ({ kind }) => (kind === 'append' ? { kind: 'error', error: 'full' } : null)
  }
  const refused = simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), '/refused', content))
  await expect(refused).rejects.toMatchObject({ code: 'INSUFFICIENT_SPACE' })
  await simulation.run({ untilMs: simulation.nowMs + MINUTE_MS })
  await simulation.complete(async () => {
    for (const node of chunkNodes) {
      const read = await getFile(cluster.server(node), '/stored')
      expect(Buffer.from(read).equals(content), node.name).toBe(true)
    }
  })
})

/** A request for a volume is repeated under its number until it is answered, and gets the volume that was made for it first. */
test('answers that never arrive do not leave volumes open for ever', async () => {
  const cluster = new SimCluster({ seed: 'one way', chunkServers: 3 })
  const { simulation, network, chunkNodes, masterNode } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const before = await simulation.complete(() => volumesOf(cluster))
  const [node, other] = chunkNodes
  network.setLink(masterNode.name, node!.name, { isCut: true })
  // Its open volumes end with the other server, so it asks for new ones.
  cluster.crash(other!, 'power')
  const stuck = putFile(cluster.server(node!), '/small', new Uint8Array(100)).catch(() => undefined)
  await simulation.run({ untilMs: simulation.nowMs + 10 * MINUTE_MS })
  network.heal()
  await simulation.complete(() => cluster.restart(other!))
  await simulation.run({ untilMs: simulation.nowMs + 2 * MINUTE_MS })
  await simulation.complete(async () => stuck)
  const after = await simulation.complete(() => volumesOf(cluster))
  expect(after.open).toBeLessThan(before.open + 3)
})

/** The identity in which a server runs. */
function identityOf({ disk }: SimNode): StoredIdentity {
  const [name] = IDENTITY_FILES
  const identity = parseIdentity(disk.peek(name)!, crc32)
  assert(identity !== null, `${name} is whole`)
  return identity
}

/** How often it was started: the upper part of its incarnation (services/chunk-server/src/identity/identity.ts). */
const startsOf = ({ incarnation }: StoredIdentity): number => Math.floor(incarnation / 2 ** 20)

/** Its counter comes to a number that was used before; the lot in its incarnation tells the two starts apart. */
test('a server restored from a backup acknowledges nothing that it did not store', async () => {
  const cluster = new SimCluster({ seed: 'restored', chunkServers: 3 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  const [node] = chunkNodes
  const backup = await simulation.complete(() =>
    Promise.all(IDENTITY_FILES.map((name) => readWhole(node!.runtime.disk, name))),
  )
  await simulation.complete(() => cluster.restartChunkServer(node!, 'process'))
  const used = identityOf(node!)
  const content = new Uint8Array(100).fill(7)
  for (let index = 0; index < 5; index += 1) {
    await simulation.complete(() => putFile(cluster.server(node!), `/before-${index}`, content))
  }
  cluster.crash(node!, 'process')
  const { disk } = node!.restart()
  await simulation.complete(async () => {
    for (const [index, name] of IDENTITY_FILES.entries()) await writeDurably(disk, name, backup[index]!)
  })
  await simulation.complete(() => cluster.restartChunkServer(node!, 'process'))
  const reused = identityOf(node!)
  expect(startsOf(reused), 'the counter comes to the same number').toBe(startsOf(used))
  expect(reused.incarnation, 'the lot is another').not.toBe(used.incarnation)
  let acknowledged = 0
  await simulation.complete(async () => {
    for (let index = 0; index < 10; index += 1) {
      const name = `/after-${index}`
      const isAcknowledged = await putFile(cluster.server(node!), name, content).then(
        () => true,
        () => false,
      )
      if (!isAcknowledged) continue
      acknowledged += 1
      const read = await getFile(cluster.server(chunkNodes[1]!), name)
      expect(Buffer.from(read).equals(content), name).toBe(true)
    }
  })
  expect(acknowledged, 'it serves again').toBeGreaterThan(0)
})
