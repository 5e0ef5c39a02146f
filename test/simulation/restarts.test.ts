/**
 * Restarts cost nothing that stays: what each of them leaves (open volumes that were sealed empty, spare ones) goes again, from
 * the metadata and from every disk.
 */
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

const RESTARTS = 100
/** More than the volumes that have a chunk: those in use, the spare ones, and what a primary may still ask for. */
const MORE_MAX = 12
const SERVERS = 3
const READY_WITHIN_MS = 60_000
/** Until what was to be done after a start is done. */
const SETTLE_MS = 60_000

test(
  'a hundred restarts of everything leave no more volumes than one does',
  { timeout: 600_000 },
  async () => {
    const cluster = new SimCluster({ seed: 'restarts', chunkServers: SERVERS })
    const { simulation, masterNode, chunkNodes } = cluster
    const nodes = [masterNode, ...chunkNodes]
    const isReady = (): boolean =>
      chunkNodes.every((node) => cluster.serverIfUp(node)?.readiness().whyNot === null)
    const untilReady = async (): Promise<void> => {
      await simulation.run({ untilMs: simulation.nowMs + READY_WITHIN_MS, isDone: isReady })
      expect(isReady()).toBe(true)
    }
    const contentOf = (index: number): Uint8Array => new Uint8Array(500).fill(index)
    const serverOf = (index: number): ReturnType<SimCluster['server']> =>
      cluster.server(chunkNodes[index % SERVERS]!)

    await simulation.complete(() => cluster.start())
    await untilReady()
    for (let index = 0; index < RESTARTS; index += 1) {
      await simulation.complete(() => putFile(serverOf(index), `/${index}`, contentOf(index)))
      const kind = index % 2 === 0 ? 'power' : 'process'
      for (const node of nodes) cluster.crash(node, kind)
      for (const node of nodes) void cluster.restart(node)
      await untilReady()
    }
    await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })

    const count = (sql: string): number => Number([...cluster.store.rows(sql)][0]!['count'])
    const used = count('SELECT count(DISTINCT volume) AS count FROM chunks')
    const volumes = count('SELECT count(*) AS count FROM volumes')
    expect(volumes - used, 'volumes without a chunk').toBeLessThanOrEqual(MORE_MAX)
    for (const { name, disk } of chunkNodes) {
      const logs = disk.names.list('volumes').filter((file) => file.endsWith('.log'))
      expect(logs.length - used, name).toBeLessThanOrEqual(MORE_MAX)
    }
    for (let index = 0; index < RESTARTS; index += 1) {
      const read = await simulation.complete(() => getFile(serverOf(index + 1), `/${index}`))
      expect(Buffer.from(read).equals(contentOf(index)), `/${index}`).toBe(true)
    }
    cluster.end()
  },
)
