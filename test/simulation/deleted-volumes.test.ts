/**
 * A volume that the master deletes goes from every disk (ADR 17): of servers that are up, of one that was away and comes back, and
 * of one that ends in the middle.
 */
import { type MetadataStore } from '@dfs/master'
import { type CrashKind, type SimNode } from '@dfs/sim-runtime'
import { volumesIn } from '@dfs/volume'
import { beforeEach, describe, expect, it } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

const CONTENT = new Uint8Array(1000).fill(7)

let cluster: SimCluster

const pass = (ms: number): Promise<unknown> =>
  cluster.simulation.run({ untilMs: cluster.simulation.nowMs + ms })

/** The master's own worker finds nothing: what is deleted, and when, is said here. */
const notByItself = (store: MetadataStore): MetadataStore =>
  new Proxy(store, {
    get: (target, name) => {
      if (name === 'deleteEmptyVolumes') return () => ({ deleted: [], notEmpty: [], isMoreLeft: false })
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })

/** Restarts have left sealed volumes in which nothing stands, beside those with a file. */
beforeEach(async () => {
  cluster = new SimCluster({ seed: 'deleted volumes', chunkServers: 3 })
  cluster.wrapStore = notByItself
  await cluster.simulation.complete(() => cluster.start())
  await pass(5000)
  await cluster.simulation.complete(() => putFile(cluster.server(cluster.chunkNodes[0]!), '/f', CONTENT))
  for (const node of cluster.chunkNodes) {
    await cluster.simulation.complete(() => cluster.restartChunkServer(node, 'power'))
    await pass(6000)
  }
})

/** Volumes of which a disk has anything. */
const volumesOn = ({ disk }: SimNode): Set<number> => {
  const { states, logs } = volumesIn(disk.names.list('volumes'))
  return new Set([...states, ...logs])
}

/** Deletes all that are empty; their ids. */
async function deleteEmpty(): Promise<number[]> {
  const { simulation, store } = cluster
  const deleted: number[] = []
  for (let isMoreLeft = true; isMoreLeft;) {
    const nowMs = Math.floor(simulation.nowMs)
    const step = await simulation.complete(() => store.deleteEmptyVolumes(10, nowMs))
    deleted.push(...step.deleted)
    isMoreLeft = step.isMoreLeft
  }
  return deleted
}

const isAnyOn = (node: SimNode, volumes: readonly number[]): boolean =>
  volumes.some((volume) => volumesOn(node).has(volume))

async function expectGone(volumes: readonly number[]): Promise<void> {
  expect(cluster.chunkNodes.map((node) => isAnyOn(node, volumes))).toEqual([false, false, false])
  const known = Array.from(cluster.store.rows('SELECT id FROM volumes'), ({ id }) => id)
  expect(volumes.filter((volume) => known.includes(volume))).toEqual([])
  const [node] = cluster.chunkNodes
  const found = await cluster.simulation.complete(() => getFile(cluster.server(node!), '/f'))
  expect(found).toEqual(CONTENT)
}

describe('a volume that is deleted', () => {
  it('goes from every disk within seconds, and no other one does', async () => {
    const before = new Set(cluster.chunkNodes.flatMap((node) => [...volumesOn(node)]))
    const deleted = await deleteEmpty()
    expect(deleted.length).toBeGreaterThan(5)
    await pass(5000)
    await expectGone(deleted)
    const left = new Set(cluster.chunkNodes.flatMap((node) => [...volumesOn(node)]))
    expect(new Set([...before].filter((volume) => !left.has(volume)))).toEqual(new Set(deleted))
  })

  it('waits for a server that is away, and goes from its disk when it is back', async () => {
    const [away, ...others] = cluster.chunkNodes
    cluster.crash(away!, 'power')
    const deleted = await deleteEmpty()
    await pass(60_000)
    expect(others.map((node) => isAnyOn(node, deleted))).toEqual([false, false])
    expect(isAnyOn(away!, deleted)).toBe(true)
    await cluster.simulation.complete(() => cluster.restart(away!))
    await pass(5000)
    await expectGone(deleted)
  })

  it.each<CrashKind>(['power', 'process'])(
    'goes from the disk of a server that ends in the middle of it: %s',
    async (kind) => {
      const [node] = cluster.chunkNodes
      let removals = 0
      node!.disk.faultHook = ({ kind: operation, name }) => {
        if (operation === 'remove' && name.endsWith('.log')) removals += 1
        if (removals === 3 && node!.isUp) cluster.crash(node!, kind)
        return null
      }
      const deleted = await deleteEmpty()
      await pass(5000)
      expect([node!.isUp, isAnyOn(node!, deleted)]).toEqual([false, true])
      node!.disk.faultHook = null
      await cluster.simulation.complete(() => cluster.restart(node!))
      await pass(5000)
      await expectGone(deleted)
    },
  )
})
