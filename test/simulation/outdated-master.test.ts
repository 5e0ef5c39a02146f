/**
 * A master whose database was restored from a backup knows less than was acknowledged (R6). Whatever it says, no server acts
 * on it: no volume is sealed at its lengths and nobody is shown its listings, so the right database can take over again.
 */
import { fromUtf8, readWhole } from '@dfs/core'
import { type MetadataStore } from '@dfs/master'
import { type SimNode } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { contextAt, getFile, putFile } from './sim-files.ts'

const content = (size: number): Uint8Array => new Uint8Array(size).map((_, index) => index * 31)

/** What stands beside every copy on a server's disk, by volume. */
async function copyStates({ runtime }: SimNode): Promise<Map<number, unknown>> {
  const names = (await runtime.disk.list('volumes')).filter((name) => name.endsWith('.json'))
  const states = await Promise.all(
    names.map(async (name) => JSON.parse(fromUtf8((await readWhole(runtime.disk, `volumes/${name}`))!))),
  )
  return new Map(states.map((state) => [state.order.volume, state]))
}

/** What a master says on a backup of this moment that has gone on for a while, as far as servers without a session can ask. */
async function backupOf(
  store: MetadataStore,
  server: number,
): Promise<(store: MetadataStore) => MetadataStore> {
  const { counter, sequence } = store.epoch()
  const ends = new Map(
    (await store.openVolumesOf(server)).map(({ volume, committedEndBytes }) => [volume, committedEndBytes]),
  )
  const page = await store.list({ path: '/', after: null, entriesMax: 100, recursive: true })
  const restored: Partial<MetadataStore> = {
    epoch: () => ({ counter: counter + 1, nonce: 'f'.repeat(16), sequence: sequence + 1000 }),
    includes: async (seen) => seen.sequence <= sequence,
    sealVolumes: async (volumes) => volumes.map((volume) => ends.get(volume)!),
    list: async () => page,
  }
  return (real) =>
    new Proxy(real, {
      get: (target, name) => {
        const member: unknown = Reflect.get(restored, name) ?? Reflect.get(target, name, target)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
}

test('a master on an old backup seals nothing and lists nothing; the right one takes over again', async () => {
  const cluster = new SimCluster({ seed: 'outdated master', chunkServers: 3 })
  const { simulation, masterNode, chunkNodes } = cluster
  const [coordinator, , replica] = chunkNodes
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const server = cluster.server(coordinator!)
  const put = (path: string): Promise<number> => putFile(server, path, content(5000))
  await simulation.complete(() => put('/before'))
  const id = server.directory.servers.find(({ name }) => name === coordinator!.name)!.id
  const backup = await simulation.complete(() => backupOf(cluster.store, id))
  await simulation.complete(() => put('/after'))
  await simulation.run({ untilMs: simulation.nowMs + 3000 })

  const states = await simulation.complete(() => copyStates(coordinator!))

  cluster.crash(masterNode, 'process')
  cluster.wrapStore = backup
  await simulation.complete(() => cluster.restart(masterNode))
  cluster.crash(replica!, 'process')
  let isAnswered = false
  const meanwhile = put('/meanwhile').finally(() => (isAnswered = true))
  const request = { path: '/', after: null, entriesMax: 100, recursive: true }
  const listing = server.namespace.list(request, contextAt(server)).catch((error: unknown) => error)
  expect(await simulation.complete(() => listing)).toMatchObject({ code: 'UNAVAILABLE' })
  await simulation.run({ untilMs: simulation.nowMs + 10_000 })
  expect(await simulation.complete(() => copyStates(coordinator!)), 'no copy was sealed').toEqual(states)
  expect(isAnswered, 'a write waits for a master that knows it').toBe(false)

  cluster.crash(masterNode, 'process')
  cluster.wrapStore = (store) => store
  await simulation.complete(() => cluster.restart(masterNode))
  await simulation.complete(() => cluster.restart(replica!))
  await simulation.complete(() => meanwhile)
  await simulation.run({ untilMs: simulation.nowMs + 30_000 })
  for (const path of ['/after', '/meanwhile']) {
    const read = await simulation.complete(() => getFile(cluster.server(replica!), path))
    expect(Buffer.from(read).equals(content(5000)), path).toBe(true)
  }
})
