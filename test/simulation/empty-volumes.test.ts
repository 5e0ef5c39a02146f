/**
 * Restarts leave volumes behind to which nothing was committed: they are deleted, from the books and from every disk, and what was
 * written can be read all the time.
 */
import { VOLUMES_DIRECTORY, volumesIn } from '@dfs/volume'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

const RESTARTS = 100
const SETTLE_MS = 3000
const content = new Uint8Array(3000).map((_, index) => index * 7)

test('a hundred restarts leave no more volumes than are open, and those that hold something', async () => {
  const cluster = new SimCluster({ seed: 'empty volumes', chunkServers: 3 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
  const paths: string[] = []
  for (let turn = 0; turn < RESTARTS; turn += 1) {
    const node = chunkNodes[turn % chunkNodes.length]!
    if (turn % 10 === 0) {
      paths.push(`/${turn}`)
      await simulation.complete(() => putFile(cluster.server(node), `/${turn}`, content))
    }
    await simulation.complete(() => cluster.restartChunkServer(node, turn % 2 === 0 ? 'power' : 'process'))
    await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
  }
  await simulation.run({ untilMs: simulation.nowMs + 10 * SETTLE_MS })

  const [{ count: holding }] = [
    ...cluster.store.rows('SELECT count(*) AS count FROM volumes WHERE live_chunks > 0'),
  ] as [{ count: number }]
  const { volumesOpen, volumesSealed, volumesDeleting } = await cluster.store.totals()
  expect(holding).toBeGreaterThan(0)
  expect(volumesDeleting).toBe(0)
  expect(volumesOpen + volumesSealed - holding, 'beyond those that hold something').toBeLessThanOrEqual(12)
  const [{ count: deleted }] = [...cluster.store.rows('SELECT count(*) AS count FROM deleted_volumes')] as [
    { count: number },
  ]
  expect(deleted).toBeGreaterThan(RESTARTS)
  for (const { runtime, name } of chunkNodes) {
    const names = await simulation.complete(() => runtime.disk.list(VOLUMES_DIRECTORY))
    const { states, logs } = volumesIn(names)
    const there = new Set([...states, ...logs])
    expect(there.size, `${name} has what the books have`).toBe(volumesOpen + volumesSealed)
  }
  for (const path of paths) {
    const read = await simulation.complete(() => getFile(cluster.server(chunkNodes[0]!), path))
    expect(Buffer.from(read).equals(content), path).toBe(true)
  }
})
