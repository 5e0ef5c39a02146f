/**
 * A cluster that has ended leaves nothing in memory: a campaign runs hundreds of them in one process, and each crash of a node
 * leaves code that will never go on. Whatever outlives the nodes and refers to such code keeps it, and the disks, for good.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { putFile } from './sim-files.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** The disks of a cluster whose nodes have crashed and started again. */
async function disksOfWorked(): Promise<WeakRef<object>[]> {
  const cluster = new SimCluster({ seed: 'memory', chunkServers: 3 })
  const { simulation, masterNode, chunkNodes } = cluster
  const nodes = [masterNode, ...chunkNodes]
  await simulation.complete(() => cluster.start())
  for (const node of nodes) cluster.crash(node, 'power')
  for (const node of nodes) void cluster.restart(node)
  await simulation.run({ untilMs: simulation.nowMs + 30_000 })
  await simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), '/file', new Uint8Array(1000)))
  cluster.end()
  return nodes.map(({ disk }) => new WeakRef(disk))
}

test('nothing holds on to a cluster that has ended', async () => {
  const disks = await disksOfWorked()
  // What a promise held until now is free after a turn of the loop.
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  expect(disks.filter((disk) => disk.deref() !== undefined)).toEqual([])
})
