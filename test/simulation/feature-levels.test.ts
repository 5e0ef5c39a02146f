/**
 * A cluster whose programs are of different ages: what the oldest cannot read is not written before it has been replaced.
 * Afterwards old and new records stand side by side, and everything reads both.
 */
import { checkCluster, sqliteDump } from '@dfs/fsck'
import { type MetadataStore } from '@dfs/master'
import { crc32 } from '@dfs/node-runtime'
import { FEATURE_LEVEL_UNSAID, FORMAT_LEVEL } from '@dfs/protocol'
import { type SimNode } from '@dfs/sim-runtime'
import { parseHeader, type RecordHeader, VOLUMES_DIRECTORY, volumesIn } from '@dfs/volume'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

const content = new Uint8Array(3000).map((_, index) => index * 7)
const SETTLE_MS = 3000

/** The master hears of `name` as of one whose program is older than levels. */
const withOldProgram = (store: MetadataStore, name: string): MetadataStore =>
  new Proxy(store, {
    get: (target, member) => {
      const value: unknown = Reflect.get(target, member, target)
      if (typeof value !== 'function') return value
      if (member !== 'registerServer') return value.bind(target)
      return (...[registration, nowMs]: Parameters<MetadataStore['registerServer']>) => {
        const old = registration.name === name ? { featureLevel: FEATURE_LEVEL_UNSAID } : {}
        return target.registerServer({ ...registration, ...old }, nowMs)
      }
    },
  })

/** Headers of all records on a disk, volume by volume. */
async function headersOn({ runtime, disk }: SimNode): Promise<RecordHeader[]> {
  const { logs } = volumesIn(await runtime.disk.list(VOLUMES_DIRECTORY))
  return logs.flatMap((volume) => {
    const bytes = disk.peek(`${VOLUMES_DIRECTORY}/${volume.toString(16)}.log`)!
    const headers: RecordHeader[] = []
    for (let at = 0; at < bytes.byteLength;) {
      const header = parseHeader(bytes.subarray(at), null)!
      headers.push(header)
      at += header.headerSize + header.length
    }
    return headers
  })
}

test('new records are written once the last old program has been replaced, and not before', async () => {
  const cluster = new SimCluster({ seed: 'feature levels', chunkServers: 3 })
  const { simulation, chunkNodes } = cluster
  const last = chunkNodes[2]!
  let isReplaced = false
  cluster.wrapStore = (store) => (isReplaced ? store : withOldProgram(store, last.name))
  const writeThroughAll = async (name: string): Promise<void> => {
    for (const node of chunkNodes) await putFile(cluster.server(node), `/${name} ${node.name}`, content)
  }
  const witnesses = async (): Promise<RecordHeader['witness'][]> => {
    const headers = await simulation.complete(() => headersOn(last))
    return headers.map(({ witness }) => witness)
  }

  await simulation.complete(async () => {
    await cluster.startMaster()
    // First: a level that is in use already would keep it out.
    await cluster.startChunkServer(last)
    for (const node of chunkNodes.slice(0, 2)) await cluster.startChunkServer(node)
  })
  await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
  await simulation.complete(() => writeThroughAll('old'))
  expect(cluster.store.featureLevel()).toBe(FEATURE_LEVEL_UNSAID)
  expect(new Set(await witnesses()), 'somebody could not read them').toEqual(new Set([null]))

  isReplaced = true
  await simulation.complete(async () => {
    cluster.crash(cluster.masterNode, 'process')
    await cluster.restart(cluster.masterNode)
    await cluster.restartChunkServer(last, 'process')
  })
  await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
  await simulation.complete(() => writeThroughAll('new'))
  expect(cluster.store.featureLevel()).toBe(FORMAT_LEVEL)
  const { counter, nonce } = cluster.store.epoch()
  const written = (await witnesses()).filter((witness) => witness !== null)
  expect(written.length).toBeGreaterThanOrEqual(chunkNodes.length)
  for (const witness of written) expect(witness).toMatchObject({ counter, nonce })

  for (const node of chunkNodes) await simulation.complete(() => cluster.restartChunkServer(node, 'power'))
  await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
  for (const name of ['old', 'new']) {
    for (const writer of chunkNodes) {
      const read = await simulation.complete(() => getFile(cluster.server(last), `/${name} ${writer.name}`))
      expect(Buffer.from(read).equals(content), `${name} ${writer.name}`).toBe(true)
    }
  }
  // Nothing is made while the disks are looked at.
  for (const node of chunkNodes) {
    cluster.crash(node, 'process')
    node.restart()
  }
  const { findings } = await simulation.complete(() =>
    checkCluster({
      metadata: sqliteDump((sql, ...parameters) => cluster.store.rows(sql, ...parameters)),
      disks: chunkNodes.map(({ name, runtime }) => ({ name, disk: runtime.disk })),
      crc32,
    }),
  )
  expect(findings).toEqual([])
})
