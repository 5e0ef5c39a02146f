/** Damage on every copy of a volume, at other places on each: what is whole somewhere can be read, whoever was restarted. */
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

const NAMES = ['/first', '/second', '/third']
const contentOf = (name: string): Uint8Array => new Uint8Array(5000).fill(name.length)

test('records behind a damaged one are still served after a restart', async () => {
  const cluster = new SimCluster({ seed: 'damaged everywhere', chunkServers: 3 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  for (const name of NAMES) {
    await simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), name, contentOf(name)))
  }
  // The records stand one behind the other; each copy loses another one.
  for (const [index, { disk }] of chunkNodes.entries()) {
    const logs = disk.names.list('volumes').filter((name) => name.endsWith('.log'))
    const log = logs.find((name) => (disk.peek(`volumes/${name}`)?.byteLength ?? 0) > 10_000)
    disk.flipBit(`volumes/${log}`, index * 5100 + 2000, 0)
  }
  for (const node of chunkNodes) await simulation.complete(() => cluster.restartChunkServer(node, 'power'))
  for (const node of chunkNodes) {
    for (const name of NAMES) {
      const read = await simulation.complete(() => getFile(cluster.server(node), name))
      expect(Buffer.from(read).equals(contentOf(name)), `${name} through ${node.name}`).toBe(true)
    }
  }
})
