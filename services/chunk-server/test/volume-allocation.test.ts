/**
 * How an open volume comes about and ends: the master's order, a copy on every server of it, or a volume that is sealed empty;
 * requests that are numbered, and a seal that is asked for until it is done.
 */
import { type SpaceWatch, TransportError, utf8 } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import {
  appendRecords,
  createReplica,
  DfsError,
  methodHandler,
  serveMethod,
  type ServerInfo,
  type VolumeKind,
  type VolumeOrder,
} from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { sumContent, VOLUMES_DIRECTORY } from '@dfs/volume'
import { beforeEach, describe, expect, it } from 'vitest'
import { watchSpace } from '../src/disk-space.ts'
import { ServerIdentity } from '../src/identity/identity.ts'
import { WitnessKeeper } from '../src/identity/witness-keeper.ts'
import { type MasterSession } from '../src/master/master-session.ts'
import { ServerDirectory } from '../src/master/server-directory.ts'
import { type OpenVolume } from '../src/replication/open-volume.ts'
import {
  sealUntilDone,
  type VolumeAllocationDeps,
  VolumeAllocator,
} from '../src/replication/volume-allocation.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'
import { AppendGuard } from '../src/volume/append-guard.ts'
import { VolumeStore } from '../src/volume/volume-store.ts'
import { storeDeps } from './store-deps.ts'

const [SELF, PEER, OTHER] = [1, 2, 3]
const LOST = new TransportError('the connection broke', { wasSent: true })
const FULL = new DfsError('INSUFFICIENT_SPACE', 'the disk of this server is full')

interface Asked {
  readonly kind?: VolumeKind
  readonly number?: number
  readonly unreachable?: readonly number[]
  readonly volume?: number
  readonly reason?: string
}

let simulation: Simulation
let node: SimNode
let identity: ServerIdentity
let store: VolumeStore
let directory: ServerDirectory
let space: SpaceWatch
let stopping: AbortController
let deps: VolumeAllocationDeps
let allocator: VolumeAllocator
/** What the master was asked, and how often it was to be told that this server is here. */
let requests: Asked[]
let seals: { volume: number; reason: string; atMs: number }[]
let nudges: number
/** What becomes of a request to the master; it is granted unless a test says otherwise. */
let onTheWay: (asked: Asked) => void | Promise<void>
/** What a peer does when it is to make a copy. */
let onOrder: (server: number) => void

beforeEach(async () => {
  simulation = new Simulation('volume allocation')
  const network = new SimNetwork(simulation)
  node = simNode(network, 'self')
  const { clock, disk, log, random } = node.runtime
  stopping = new AbortController()
  directory = new ServerDirectory(clock)
  requests = []
  seals = []
  nudges = 0
  onTheWay = () => {}
  onOrder = () => {}
  await simulation.complete(async () => {
    identity = await ServerIdentity.open({ disk, crc32, log }, random)
    await identity.bind('cluster', SELF)
    space = await watchSpace({ disk, floorBytes: 0, onChange: () => {} })
    const guard = new AppendGuard({ space, witness: new WitnessKeeper({ clock, log, identity }) })
    store = await VolumeStore.open({ ...storeDeps(node.runtime), guard })
    for (const server of [PEER, OTHER]) await servePeer(simNode(network, `s${server}`), server)
  })
  deps = {
    runtime: node.runtime,
    tuning: DEFAULT_TUNING,
    identity,
    session: { callCurrent: askMaster, nudge: () => (nudges += 1) } as unknown as MasterSession,
    store,
    directory,
    crc32,
    space,
    stopped: stopping.signal,
  }
  allocator = new VolumeAllocator(deps)
})

async function servePeer({ runtime }: SimNode, server: number): Promise<void> {
  const methods = [
    serveMethod(createReplica, async () => {
      onOrder(server)
      return {}
    }),
    serveMethod(appendRecords, async ({ offset, bytes }) => {
      onOrder(server)
      return { length: offset + bytes.reduce((sum, { byteLength }) => sum + byteLength, 0) }
    }),
  ]
  const routes = methods.map(({ route }) => route)
  await runtime.transport.serve(methodHandler(methods), routes)
}

/** A master that gives the same volume to the same request: its number is that of the request, with one for the kind. */
async function askMaster(_method: unknown, asked: Asked): Promise<unknown> {
  if (asked.volume !== undefined) {
    seals.push({ volume: asked.volume, reason: asked.reason!, atMs: simulation.nowMs })
    await onTheWay(asked)
    return { sealedLengthBytes: 0 }
  }
  requests.push(asked)
  await onTheWay(asked)
  const { incarnation } = identity
  const order: VolumeOrder = {
    volume: asked.number! * 10 + (asked.kind === 'small' ? 1 : 2),
    kind: asked.kind!,
    salt: '0123456789abcdef',
    primary: { server: SELF, incarnation },
    replicas: [SELF, PEER, OTHER]
      .filter((server) => !asked.unreachable!.includes(server))
      .map((server) => ({ replica: server + 100, server, incarnation: server === SELF ? incarnation : 1 })),
  }
  const servers = [SELF, PEER, OTHER].map(
    (id) => ({ id, incarnation: 1, internalAddress: `s${id}` }) as ServerInfo,
  )
  return { volumes: [order], servers }
}

/** The volume, or the error. */
const allocate = (kind: VolumeKind = 'small'): Promise<OpenVolume | Error> =>
  simulation.complete(() => allocator.allocate(kind).catch((error: unknown) => error as Error))
const volumeOf = (made: OpenVolume | Error): unknown => ('order' in made ? made.order.volume : made)
const numbers = (): unknown[] => requests.map(({ number }) => number)

describe('an open volume', () => {
  it('has a copy on every server of the order before it takes a record', async () => {
    const ordered: number[] = []
    onOrder = (server) => ordered.push(server)
    const made = await allocate()
    expect(volumeOf(made)).toBe(11)
    expect(ordered.toSorted((a, b) => a - b)).toEqual([PEER, OTHER])
    expect(store.require(11).state).toMatchObject({ replica: SELF + 100, state: 'open' })
    const content = sumContent([utf8('some bytes')], crc32)
    const origin = { requestNumber: 1, start: 0, path: '/f' }
    const placement = await simulation.complete(() => (made as OpenVolume).append(origin, content))
    expect(placement).toMatchObject({ volume: 11, offset: 0, copies: 3 })
    expect([ordered.length, seals]).toEqual([4, []])
  })

  it.each([PEER, OTHER])(
    'is not given if server %i does not make its copy; it is sealed, and that one avoided',
    async (bad) => {
      onOrder = (server) => {
        if (server === bad) throw new DfsError('STALE_INCARNATION', 'it has restarted')
      }
      expect(await allocate()).toMatchObject({ code: 'STALE_INCARNATION' })
      expect(seals).toMatchObject([{ volume: 11, reason: 'not all copies could be made' }])
      expect(volumeOf(await allocate())).toBe(21)
      expect(requests.map(({ unreachable }) => unreachable)).toEqual([[], [bad]])
    },
  )

  it('is not given if the own disk does not take its copy', async () => {
    node.disk.faultHook = ({ name }) =>
      name.startsWith(VOLUMES_DIRECTORY) ? { kind: 'error', error: 'full' } : null
    expect(await allocate()).toMatchObject({ code: 'INSUFFICIENT_SPACE' })
    expect(space.isFull, 'the disk has said so itself').toBe(true)
    expect(seals).toMatchObject([{ volume: 11 }])
    expect(directory.unreachable()).toEqual([])
  })

  it('is made without a peer that has no room, which is nobody to be avoided: the master hears of that from itself', async () => {
    onOrder = (server) => {
      if (server === PEER) throw FULL
    }
    expect(await allocate()).toMatchObject({ code: 'INSUFFICIENT_SPACE' })
    expect(directory.unreachable()).toEqual([])
  })
})

describe('a request for a volume', () => {
  it('is numbered within its kind, and comes again under its number until it is granted', async () => {
    let losses = 2
    onTheWay = ({ volume }) => {
      if (volume !== undefined) return
      losses -= 1
      if (losses >= 0) throw LOST
    }
    for (let count = 0; count < 2; count += 1) expect(await allocate()).toMatchObject({ code: 'UNAVAILABLE' })
    const made = [await allocate(), await allocate(), await allocate('large'), await allocate()]
    expect(made.map(volumeOf)).toEqual([11, 21, 12, 31])
    expect(numbers()).toEqual([1, 1, 1, 2, 1, 3])
  })

  it('is not made by a server that has no room itself', async () => {
    space.noteFull()
    expect(await allocate()).toMatchObject({ code: 'INSUFFICIENT_SPACE' })
    expect(requests).toEqual([])
  })

  it('that a new start of the master refuses has this server register at once, and may be granted later', async () => {
    const refusals = ['UNKNOWN_SERVER', 'COPY_ERROR'] as const
    onTheWay = () => {
      const code = refusals[requests.length - 1]
      if (code !== undefined) throw new DfsError(code, 'refused')
    }
    expect(await allocate()).toMatchObject({ code: 'UNAVAILABLE' })
    expect(nudges).toBe(1)
    expect(await allocate(), 'any other refusal is the answer').toMatchObject({ code: 'COPY_ERROR' })
    expect(nudges).toBe(1)
    expect(volumeOf(await allocate())).toBe(11)
    expect(numbers()).toEqual([1, 1, 1])
  })
})

describe('a seal', () => {
  it('is asked for until the master has done it, with pauses of two seconds at most; then the own copy takes no more', async () => {
    const failures = [
      LOST,
      LOST,
      new DfsError('UNAVAILABLE', 'not yet'),
      ...Array.from({ length: 9 }, () => LOST),
    ]
    onTheWay = ({ volume }) => {
      const failure = volume === undefined ? undefined : failures.shift()
      if (failure !== undefined) throw failure
    }
    const made = (await allocate()) as OpenVolume
    await simulation.complete(() => sealUntilDone(deps, made.order, 'it is full'))
    expect(seals).toHaveLength(13)
    const pausesMs = seals.slice(1).map(({ atMs }, index) => atMs - seals[index]!.atMs)
    expect(Math.min(...pausesMs)).toBeGreaterThan(0)
    expect(Math.max(...pausesMs)).toBeLessThanOrEqual(2001)
    expect(store.require(11).state).toMatchObject({ state: 'sealed', sealedLengthBytes: 0 })
  })

  it('is asked for no more once the volume is gone: others have sealed it, and nothing was in it', async () => {
    onTheWay = ({ volume }) => {
      if (volume !== undefined)
        throw seals.length < 3 ? LOST : new DfsError('VOLUME_NOT_FOUND', 'no such one')
    }
    const made = (await allocate()) as OpenVolume
    await simulation.complete(() => sealUntilDone(deps, made.order, 'it is full'))
    expect(seals).toHaveLength(3)
    expect(store.require(11).state.state, 'its own order drops the copy').toBe('open')
  })

  it('is left to the next start if this server stops before', async () => {
    onTheWay = ({ volume }) => {
      if (volume !== undefined) throw LOST
    }
    const made = (await allocate()) as OpenVolume
    const sealing = sealUntilDone(deps, made.order, 'it is full')
    await simulation.run({ untilMs: simulation.nowMs + 30_000 })
    stopping.abort(new Error('stopping'))
    const count = seals.length
    await simulation.complete(() => sealing)
    expect(seals).toHaveLength(count)
    expect(store.require(11).state.state).toBe('open')
  })

  it('says why in no more words than the master takes', async () => {
    const made = (await allocate()) as OpenVolume
    await simulation.complete(() => sealUntilDone(deps, made.order, 'x'.repeat(1000)))
    expect(seals[0]!.reason).toHaveLength(500)
  })

  it('ends with what can only be a mistake in the program', async () => {
    const mistake = new TypeError('undefined is not a function')
    onTheWay = ({ volume }) => {
      if (volume !== undefined) throw mistake
    }
    const made = (await allocate()) as OpenVolume
    await expect(simulation.complete(() => sealUntilDone(deps, made.order, 'it is full'))).rejects.toBe(
      mistake,
    )
  })
})
