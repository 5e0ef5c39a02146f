/** A server whose registration the master has taken, but which never heard so, finds its way back by itself. */
import { type MetadataStore } from '@dfs/master'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { putFile } from './sim-files.ts'

const DOWN_MS = 15_000
const PATIENCE_MS = 30_000

/** Calls `then` each time a server is registered, before the answer leaves. */
const onceRegistered = (store: MetadataStore, then: () => void): MetadataStore =>
  new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (name !== 'registerServer') return member.bind(target)
      return async (...given: Parameters<MetadataStore['registerServer']>) => {
        const outcome = await target.registerServer(...given)
        then()
        return outcome
      }
    },
  })

test('a lost answer to a registration, after the master restarted, strands no server', async () => {
  const cluster = new SimCluster({ seed: 'lost registration', chunkServers: 3 })
  const { simulation, network, masterNode, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  let lostCount = 0
  let isLosing = true
  const cutOff = (): void => {
    if (!isLosing) return
    lostCount += 1
    for (const { name } of chunkNodes) network.setLink(masterNode.name, name, { isCut: true })
  }
  cluster.crash(masterNode, 'process')
  cluster.wrapStore = (store) => onceRegistered(store, cutOff)
  await simulation.complete(() => cluster.restart(masterNode))
  await simulation.run({ untilMs: simulation.nowMs + DOWN_MS })
  expect(lostCount, 'registrations whose answers were lost').toBeGreaterThan(0)

  isLosing = false
  network.heal()
  await simulation.run({ untilMs: simulation.nowMs + PATIENCE_MS })
  for (const node of chunkNodes) {
    const server = cluster.server(node)
    expect(server.readiness().whyNot, node.name).toBe(null)
    await simulation.complete(() => putFile(server, `/through ${node.name}`, new Uint8Array(100)))
  }
})
