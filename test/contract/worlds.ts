/** The two worlds in which every contract is checked: the real one, and a simulated one that is driven while a test waits. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, type Disk, type Random, silentLog, type Transport } from '@dfs/core'
import { NodeTransport, NodeClock, NodeDisk, NodeRandom } from '@dfs/node-runtime'
import { simNode, SimNetwork, Simulation } from '@dfs/sim-runtime'

/** A fresh pair of nodes that can call each other; `disk` and the rest are the first one's. */
export interface World {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly caller: Transport
  readonly peer: Transport
  /** Where `peer` is reached once it serves. */
  peerAddress(): string
  /** An address at which nothing listens. */
  readonly deadAddress: string
  /** Runs the body of a test; in the simulated world events happen as long as it goes on. */
  run<T>(work: () => Promise<T>): Promise<T>
  dispose(): Promise<void>
}

export interface WorldKind {
  readonly name: string
  make(): Promise<World>
}

export const realWorld: WorldKind = {
  name: 'node',
  async make() {
    const root = await mkdtemp(join(tmpdir(), 'dfs-contract-'))
    const clock = new NodeClock()
    const open = (): NodeTransport =>
      new NodeTransport({
        listenHost: '127.0.0.1',
        listenPort: 0,
        clusterKey: new Uint8Array(32).fill(7),
        clock,
        log: silentLog,
      })
    const [caller, peer, gone] = [open(), open(), open()]
    await gone.serve(() => Promise.reject(new Error('unused')), [])
    const deadAddress = gone.address()
    await gone[Symbol.asyncDispose]()
    return {
      clock,
      random: new NodeRandom(),
      disk: new NodeDisk(root),
      caller,
      peer,
      peerAddress: () => peer.address(),
      deadAddress,
      run: (work) => work(),
      async dispose() {
        await caller[Symbol.asyncDispose]()
        await peer[Symbol.asyncDispose]()
        await rm(root, { recursive: true })
      },
    }
  },
}

export const simulatedWorld: WorldKind = {
  name: 'simulation',
  async make() {
    const simulation = new Simulation('contract')
    const network = new SimNetwork(simulation)
    const { clock, random, disk, transport } = simNode(network, 'one').runtime
    return {
      clock,
      random,
      disk,
      caller: transport,
      peer: simNode(network, 'two').runtime.transport,
      peerAddress: () => 'two',
      deadAddress: 'nobody',
      run: (work) => simulation.complete(work),
      async dispose() {},
    }
  },
}

export const WORLDS = [realWorld, simulatedWorld]
