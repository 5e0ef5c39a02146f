/** What a chunk server has seen of the master's epochs, it still knows after a power cut: nothing is acknowledged before (R5, R6). */
import { fromUtf8, readWhole } from '@dfs/core'
import { type SimNode } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

const content = new Uint8Array(100).fill(7)

interface WrittenEpoch {
  readonly counter: number
  readonly sequence: number
}

const writtenEpoch = async (node: SimNode): Promise<WrittenEpoch> => {
  const bytes = await readWhole(node.runtime.disk, 'server.json')
  const { seenEpoch } = JSON.parse(fromUtf8(bytes!)) as { seenEpoch: WrittenEpoch }
  return seenEpoch
}

test('an answer of a new start of the master counts once that start is written down (R5)', async () => {
  const cluster = new SimCluster({ seed: 'epoch not written', chunkServers: 3 })
  const { simulation, chunkNodes, masterNode } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const [node] = chunkNodes
  const { counter: before } = await simulation.complete(() => writtenEpoch(node!))
  node!.disk.faultHook = ({ kind, name }) =>
    kind === 'append' && name.startsWith('server.json') ? { kind: 'error', error: 'io' } : null
  cluster.crash(masterNode, 'process')
  await simulation.complete(() => cluster.restart(masterNode))

  let acknowledgedAtMs: number | null = null
  const writing = putFile(cluster.server(node!), '/a', content).then(() => {
    acknowledgedAtMs = simulation.nowMs
  })
  await simulation.run({ untilMs: simulation.nowMs + 10_000 })
  expect(acknowledgedAtMs, 'a power cut would make it forget that epoch').toBeNull()
  expect(await simulation.complete(() => writtenEpoch(node!))).toMatchObject({ counter: before })

  node!.disk.faultHook = null
  await simulation.complete(() => writing)
  expect(await simulation.complete(() => writtenEpoch(node!))).toMatchObject({ counter: before + 1 })
  const read = await simulation.complete(() => getFile(cluster.server(node!), '/a'))
  expect(Buffer.from(read).equals(content)).toBe(true)
})

test('what was committed is known after a power cut of all servers, so that an older backup of the master shows (R6)', async () => {
  const cluster = new SimCluster({ seed: 'sequence written', chunkServers: 3 })
  const { simulation, chunkNodes, masterNode } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const server = cluster.server(chunkNodes[0]!)
  await simulation.complete(() => putFile(server, '/a', content))
  const { sequence } = cluster.store.epoch()
  await simulation.run({ untilMs: simulation.nowMs + 15_000 })
  cluster.crash(masterNode, 'power')
  for (const node of chunkNodes) {
    cluster.crash(node, 'power')
    // In its own file, or in what else it has of the master: with what it finds there it goes on.
    void cluster.restart(node)
    await simulation.run({ untilMs: simulation.nowMs + 1000 })
    const seen = await simulation.complete(() => writtenEpoch(node))
    expect(seen.sequence, node.name).toBeGreaterThanOrEqual(sequence)
  }
})
