/**
 * Two servers whose settings give them one internal address: what is sent there reaches one of the two. Both go on, nothing that was acknowledged
 * is lost, they do not take turns at being dead, and people are told.
 */
import { assert } from '@dfs/core'
import { DfsError, openContext } from '@dfs/protocol'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

const FOR_S = 60

test('servers at one address by mistake lose nothing, and the cluster comes to rest', async () => {
  const cluster = new SimCluster({ seed: 'one address', chunkServers: 5 })
  const { simulation, chunkNodes, masterNode } = cluster
  const [wrong, right] = [chunkNodes[4]!, chunkNodes[0]!]
  cluster.addressOf = ({ name }) => (name === wrong.name ? right.name : name)
  await simulation.complete(() => cluster.start())
  const stored = new Map<string, Uint8Array>()
  let refused = 0

  const write = async (index: number): Promise<void> => {
    const path = `/${index}`
    const content = simulation.random.fork(path).bytes(5000)
    try {
      await simulation.complete(() => putFile(cluster.server(chunkNodes[index % 5]!), path, content))
      stored.set(path, content)
    } catch (error) {
      assert(error instanceof DfsError, 'a write succeeds or says why not')
      refused += 1
    }
  }
  const look = () =>
    simulation.complete(() => cluster.master.namespace.viewHealth(openContext(masterNode.runtime.clock, 'r')))

  const liveness: string[] = []
  for (let second = 0; second < FOR_S; second += 1) {
    await simulation.run({ untilMs: simulation.nowMs + 1000 })
    await write(second)
    if (second > 5) liveness.push(...cluster.master.servers().map((server) => server.liveness))
  }
  expect(refused, 'writes that are refused while two share an address').toBeLessThan(FOR_S / 4)
  expect(new Set(liveness), 'nobody takes turns').toEqual(new Set(['alive']))
  const { reasons } = await look()
  const shared = reasons.find(({ code }) => code === 'address-shared')
  expect(new Set(shared?.servers)).toEqual(new Set([right.name, wrong.name]))

  // The mistake is found, and mended.
  cluster.addressOf = ({ name }) => name
  await simulation.complete(() => cluster.restartChunkServer(wrong, 'process'))
  await simulation.run({ untilMs: simulation.nowMs + 60_000 })
  expect((await look()).reasons.map(({ code }) => code)).not.toContain('address-shared')
  for (const [path, content] of stored)
    expect(await simulation.complete(() => getFile(cluster.server(right), path)), path).toEqual(content)
})
