/**
 * A thousand copies to drop at once, on disks that take 100 ms for each: all of them go, and meanwhile nobody is taken for dead or
 * even for slow, and clients are served.
 */
import { DEFAULT_TUNING } from '@dfs/chunk-server'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

/** A server makes so many of each of the two kinds, and all servers have a copy of each. */
const SPARE_VOLUMES = 170
const SERVERS = 3
const DROPS_LEAST = 1000
const REMOVAL_MS = 100
const LOOK_EVERY_MS = 500
const MADE_WITHIN_MS = 600_000
/** As long as the removals take, and as much again. */
const WITHIN_MS = 2 * DROPS_LEAST * REMOVAL_MS

test('a thousand drops on slow disks make no server suspect', async () => {
  const tuning = { ...DEFAULT_TUNING, spareVolumes: SPARE_VOLUMES }
  const cluster = new SimCluster({ seed: 'many drops', chunkServers: SERVERS, tuning })
  const { simulation, masterNode, chunkNodes } = cluster
  const copiesAreMade = (): boolean =>
    chunkNodes.every(({ disk }) => {
      const logs = disk.names.list('volumes').filter((name) => name.endsWith('.log'))
      return logs.length > DROPS_LEAST
    })
  await simulation.complete(() => cluster.start())
  while (!copiesAreMade() && simulation.nowMs < MADE_WITHIN_MS)
    await simulation.run({ untilMs: simulation.nowMs + LOOK_EVERY_MS })
  expect(copiesAreMade()).toBe(true)

  for (const node of [masterNode, ...chunkNodes]) cluster.crash(node, 'power')
  tuning.spareVolumes = 1
  const removals = new Map(chunkNodes.map(({ name }) => [name, 0]))
  for (const { name: server, disk } of chunkNodes) {
    disk.faultHook = ({ kind, name }) => {
      if (kind !== 'remove' || !name.endsWith('.log')) return null
      removals.set(server, removals.get(server)! + 1)
      return { kind: 'slow', extraMs: REMOVAL_MS }
    }
  }
  await simulation.complete(() =>
    Promise.all([masterNode, ...chunkNodes].map((node) => cluster.restart(node))),
  )
  const fromMs = simulation.nowMs
  const untilMs = fromMs + WITHIN_MS
  const areDropped = (): boolean => [...removals.values()].every((count) => count >= DROPS_LEAST)
  for (let look = 0; !areDropped() && simulation.nowMs < untilMs; look += 1) {
    await simulation.run({ untilMs: simulation.nowMs + LOOK_EVERY_MS })
    const suspects = cluster.master.servers().filter(({ liveness }) => liveness !== 'alive')
    expect(suspects, `at ${simulation.nowMs} ms`).toEqual([])
    const server = cluster.server(chunkNodes[look % SERVERS]!)
    await simulation.complete(() => putFile(server, '/file', new Uint8Array([look])))
    expect(await simulation.complete(() => getFile(server, '/file'))).toEqual(new Uint8Array([look]))
  }
  expect(areDropped(), [...removals].join(' ')).toBe(true)
  expect(simulation.nowMs - fromMs, 'as slow as it was meant to be').toBeGreaterThan(
    0.9 * DROPS_LEAST * REMOVAL_MS,
  )
  cluster.end()
})
