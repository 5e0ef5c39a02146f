/**
 * A server that was removed from the cluster as gone for good. One that finds out at its start stays, says so, and asks again once in a while; one that
 * had been registered ends, and the next start finds out.
 */
import { crc32, createHasher } from '@dfs/node-runtime'
import {
  type ClusterSettings,
  DfsError,
  FEATURE_LEVEL,
  heartbeat,
  methodHandler,
  register,
  serveMethod,
} from '@dfs/protocol'
import { type ChunkServer, startChunkServer } from '../src/chunk-server.ts'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { beforeEach, expect, it } from 'vitest'

const SETTINGS: ClusterSettings = {
  replicas: 1,
  minReplicas: 1,
  chunkSizeBytes: 1024,
  volumeSizeBytes: 65_536,
}
const SESSION = {
  epoch: { counter: 5, nonce: '0123456789abcdef', sequence: 1 },
  servers: [],
  preferred: null,
  orders: [],
  check: null,
  featureLevel: FEATURE_LEVEL,
}

let simulation: Simulation
let node: SimNode
let isRemoved: boolean
let asked: number
const ended: Error[] = []

beforeEach(async () => {
  simulation = new Simulation('removed server')
  const network = new SimNetwork(simulation)
  node = simNode(network, 'server')
  ;[isRemoved, asked] = [true, 0]
  ended.length = 0
  const refuse = (): void => {
    asked += 1
    if (isRemoved) throw new DfsError('SERVER_REMOVED', 'chunk-3 (id 3) was removed')
  }
  const master = { publicPort: 1, advertisedUrl: null }
  const methods = [
    serveMethod(register, async () => {
      refuse()
      return { ...SESSION, clusterId: 'cluster', serverId: 3, settings: SETTINGS, master }
    }),
    serveMethod(heartbeat, async () => {
      refuse()
      return SESSION
    }),
  ]
  const { transport } = simNode(network, 'master').runtime
  await simulation.complete(() =>
    transport.serve(
      methodHandler(methods),
      methods.map(({ route }) => route),
    ),
  )
})

const pass = (ms: number): Promise<void> => simulation.run({ untilMs: simulation.nowMs + ms })

/** The server as soon as its doors are open, and whether it has registered. */
function start(): { server: () => ChunkServer; hasStarted: () => boolean } {
  let server: ChunkServer | null = null
  let hasStarted = false
  const addresses = {
    name: 'chunk-3',
    zone: 'z',
    internalAddress: 'server',
    publicPort: 1,
    advertisedUrl: null,
  }
  const starting = startChunkServer(node.runtime, {
    masterAddress: 'master',
    addresses,
    crc32,
    createHasher,
    onFatal: (error) => ended.push(error),
    openDoors: async (opened) => {
      server = opened
    },
  })
  void starting.then(() => (hasStarted = true))
  return { server: () => server!, hasStarted: () => hasStarted }
}

it('stays, says what to do, and asks no more than once a minute', async () => {
  const { server, hasStarted } = start()
  await pass(600_000)
  expect(asked).toBe(10)
  expect([hasStarted(), ended]).toEqual([false, []])
  expect(server().readiness().whyNot).toBe(
    'chunk-3 (id 3) was removed. Empty its data directory (what it has counts for nothing any more) and start it again: it joins as a new server.',
  )
})

it('goes on as soon as it is let in', async () => {
  const { server, hasStarted } = start()
  await pass(30_000)
  isRemoved = false
  await pass(60_000)
  expect([hasStarted(), ended]).toEqual([true, []])
  expect(server().readiness().whyNot ?? '').not.toContain('removed')
})

it('ends if it had been registered: what it does must not go on', async () => {
  isRemoved = false
  const { hasStarted } = start()
  await pass(5_000)
  expect([hasStarted(), ended]).toEqual([true, []])
  isRemoved = true
  await pass(2_000)
  expect(ended[0]).toMatchObject({ code: 'SERVER_REMOVED' })
})
