/** Damage on every copy of a volume, at other places on each: what is whole somewhere can be read, whoever was restarted. */
import { type SimNode } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

const NAMES = ['/first', '/second', '/third']
const contentOf = (name: string): Uint8Array => new Uint8Array(5000).fill(name.length)

/** The log of the volume that has these files on a node, or undefined. */
function logOf({ disk }: SimNode): string | undefined {
  const logs = disk.names.list('volumes').filter((name) => name.endsWith('.log'))
  return logs.map((name) => `volumes/${name}`).find((name) => (disk.peek(name)?.byteLength ?? 0) > 10_000)
}

test('a copy that has failed still gives what it has, behind damage too', async () => {
  const cluster = new SimCluster({ seed: 'failed and damaged', chunkServers: 3, replicas: 2 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const coordinator = chunkNodes[0]!
  const put = (name: string): Promise<number> =>
    simulation.complete(() => putFile(cluster.server(coordinator), name, contentOf(name)))
  for (const name of NAMES) await put(name)
  const holders = chunkNodes.filter((node) => logOf(node) !== undefined)
  const failing = holders.find((node) => node !== coordinator)!
  const log = logOf(failing)!
  failing.disk.faultHook = ({ kind, name }) =>
    kind === 'sync' && name === log ? { kind: 'error', error: 'io' } : null
  await put('/more')
  failing.disk.faultHook = null
  failing.disk.flipBit(log, 2000, 0)
  coordinator.disk.flipBit(log, 5100 + 2000, 0)
  for (const node of holders) await simulation.complete(() => cluster.restartChunkServer(node, 'process'))
  for (const name of NAMES) {
    const read = await simulation.complete(() => getFile(cluster.server(coordinator), name))
    expect(Buffer.from(read).equals(contentOf(name)), name).toBe(true)
  }
})

test('records behind a damaged one are still served after a restart', async () => {
  const cluster = new SimCluster({ seed: 'damaged everywhere', chunkServers: 3 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  for (const name of NAMES) {
    await simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), name, contentOf(name)))
  }
  // The records stand one behind the other; each copy loses another one.
  for (const [index, node] of chunkNodes.entries()) {
    node.disk.flipBit(logOf(node)!, index * 5100 + 2000, 0)
  }
  for (const node of chunkNodes) await simulation.complete(() => cluster.restartChunkServer(node, 'power'))
  for (const node of chunkNodes) {
    for (const name of NAMES) {
      const read = await simulation.complete(() => getFile(cluster.server(node), name))
      expect(Buffer.from(read).equals(contentOf(name)), `${name} through ${node.name}`).toBe(true)
    }
  }
})
