/**
 * Who may have copies made here and add to them (R3): this start of the primary, in the name of this start of this server.
 * Whoever may not is refused before the disk hears of it.
 */
import { isDeepStrictEqual } from 'node:util'
import { assert, concatBytes, type SpaceWatch, type Transport, utf8 } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import {
  appendRecords,
  type AppendRequest,
  callMethod,
  createReplica,
  type DfsError,
  methodHandler,
  type ReplicaReport,
  type VolumeOrder,
} from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { copyLogName } from '@dfs/volume'
import { beforeEach, describe, expect, it } from 'vitest'
import { watchSpace } from '../src/disk-space.ts'
import { ServerIdentity } from '../src/identity/identity.ts'
import { WitnessKeeper } from '../src/identity/witness-keeper.ts'
import { peerMethods } from '../src/replication/peer-methods.ts'
import { AppendGuard } from '../src/volume/append-guard.ts'
import { VolumeStore } from '../src/volume/volume-store.ts'
import { storeDeps } from './store-deps.ts'

const [PRIMARY, THIS, OTHER] = [1, 7, 8]
const PRIMARY_INCARNATION = 5_000_000
const VOLUME = 70
const BYTES = utf8('some records')

let simulation: Simulation
let node: SimNode
let identity: ServerIdentity
let store: VolumeStore
let space: SpaceWatch
/** What the disk was asked to do since a test has begun, apart from being looked at for its free space. */
let operations: string[]

beforeEach(async () => {
  simulation = new Simulation('peer methods')
  node = simNode(new SimNetwork(simulation), 'node')
  const { disk, log, random } = node.runtime
  await simulation.complete(async () => {
    identity = await ServerIdentity.open({ disk, crc32, log }, random)
    await identity.bind('cluster', THIS)
    space = await watchSpace({ disk, floorBytes: 0, onChange: () => {} })
    const witness = new WitnessKeeper({ clock: node.runtime.clock, log, identity })
    const guard = new AppendGuard({ space, witness })
    store = await VolumeStore.open({ ...storeDeps(node.runtime), guard })
  })
  operations = []
  node.disk.faultHook = ({ kind, name }) => {
    operations.push(`${kind} ${name}`)
    return null
  }
})

/** An order for a volume with copies on the primary and here, for the present start of this server. */
function orderOf(change: Partial<VolumeOrder> = {}, incarnation = identity.incarnation): VolumeOrder {
  return {
    volume: VOLUME,
    kind: 'small',
    salt: '0123456789abcdef',
    primary: { server: PRIMARY, incarnation: PRIMARY_INCARNATION },
    replicas: [
      { replica: 100, server: PRIMARY, incarnation: PRIMARY_INCARNATION },
      { replica: 101, server: THIS, incarnation },
    ],
    ...change,
  }
}

/** Calls come from the primary, by way of the wire's encoding. */
function calling(): Transport {
  const answer = methodHandler(
    peerMethods({ identity, store, crc32, onOrder: () => {}, hear: async () => {} }),
  )
  return {
    call: (_address, request) => answer(request),
    stream: () => Promise.reject(new Error('nobody listens')),
    serve: () => Promise.reject(new Error('nobody listens')),
  }
}

const order = (wanted: VolumeOrder, server = THIS): Promise<unknown> =>
  simulation.complete(() =>
    callMethod(calling(), 'here', createReplica, { server, order: wanted }, { timeoutMs: 1000 }),
  )

function append(change: Partial<AppendRequest> = {}): Promise<{ length: number }> {
  const request = {
    volume: VOLUME,
    server: PRIMARY,
    incarnation: PRIMARY_INCARNATION,
    offset: 0,
    crc32: crc32(BYTES),
    bytes: [BYTES],
    ...change,
  }
  return simulation.complete(() => callMethod(calling(), 'here', appendRecords, request, { timeoutMs: 1000 }))
}

/** A copy that takes records, whatever its order says. */
async function haveCopy(made: VolumeOrder): Promise<void> {
  await simulation.complete(() => store.create(made, 101))
  operations = []
}

const reportOf = (volume: number): ReplicaReport => store.require(volume).report()
const logOf = (volume: number): Uint8Array | undefined => node.disk.peek(copyLogName(volume))?.slice()

const STALE = 'STALE_INCARNATION'

describe('the order to make a copy', () => {
  it('is carried out for this start of this server, once', async () => {
    await order(orderOf())
    expect(reportOf(VOLUME)).toMatchObject({ replica: 101, state: 'open', lengthBytes: 0 })
    expect(operations).toContain(`sync ${copyLogName(VOLUME)}`)
    operations = []
    await order(orderOf())
    expect(operations, 'the copy is there').toEqual([])
  })

  it.each<[string, () => Promise<unknown>]>([
    ['is sent to another server', () => order(orderOf(), OTHER)],
    ['has no part for this server', () => order(orderOf({ replicas: orderOf().replicas.slice(0, 1) }))],
    ['was meant for an earlier start of this server', () => order(orderOf({}, identity.incarnation - 1))],
    ['was meant for a later start of this server', () => order(orderOf({}, identity.incarnation + 1))],
  ])('is refused, and the disk left alone, if it %s', async (_name, refused) => {
    await expect(refused()).rejects.toMatchObject({ code: STALE })
    expect(operations).toEqual([])
    expect([store.get(VOLUME), logOf(VOLUME)]).toEqual([undefined, undefined])
  })

  it('is refused as long as this server has no name', async () => {
    const { disk, log, random } = simNode(new SimNetwork(simulation), 'new').runtime
    identity = await simulation.complete(() => ServerIdentity.open({ disk, crc32, log }, random))
    await expect(order(orderOf())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect([operations, store.get(VOLUME)]).toEqual([[], undefined])
  })
})

describe('a server without room', () => {
  it('makes no copy and takes no record, before its disk hears of either', async () => {
    await haveCopy(orderOf())
    space.noteFull()
    const refusal = { code: 'INSUFFICIENT_SPACE' }
    await expect(order(orderOf({ volume: VOLUME + 1 }))).rejects.toMatchObject(refusal)
    await expect(append()).rejects.toMatchObject(refusal)
    expect(operations).toEqual([])
    expect(store.get(VOLUME + 1)).toBeUndefined()
  })
})

describe('records', () => {
  interface Outcome {
    readonly code: string
    readonly operations: readonly string[]
    readonly isUntouched: boolean
  }

  /** How an append ends that must not be made. */
  async function refusalOf(change: Partial<AppendRequest> = {}): Promise<Outcome> {
    const [report, log] = [reportOf(VOLUME), logOf(VOLUME)]
    operations = []
    const error = await append(change).then(
      () => expect.unreachable('the records were taken'),
      (thrown: DfsError) => thrown,
    )
    const isUntouched = isDeepStrictEqual([reportOf(VOLUME), logOf(VOLUME)], [report, log])
    return { code: error.code, operations, isUntouched }
  }

  const refused = (code: string): Outcome => ({ code, operations: [], isUntouched: true })

  it('are taken from this start of the primary, and synced before the answer', async () => {
    await haveCopy(orderOf())
    expect(await append()).toEqual({ length: BYTES.byteLength })
    expect(await append({ offset: BYTES.byteLength })).toEqual({ length: 2 * BYTES.byteLength })
    const log = copyLogName(VOLUME)
    expect(operations).toEqual([`append ${log}`, `sync ${log}`, `append ${log}`, `sync ${log}`])
    expect(Buffer.from(node.disk.durable(log)!)).toEqual(Buffer.from(concatBytes([BYTES, BYTES])))
  })

  it.each<[string, Partial<AppendRequest>]>([
    ['an earlier start of the primary', { incarnation: PRIMARY_INCARNATION - 1 }],
    ['a later start of the primary', { incarnation: PRIMARY_INCARNATION + 1 }],
    ['a server that is not the primary', { server: OTHER }],
    ['this server itself', { server: THIS }],
  ])('are refused from %s', async (_name, change) => {
    await haveCopy(orderOf())
    await append()
    expect(await refusalOf({ offset: BYTES.byteLength, ...change })).toEqual(refused(STALE))
    // The copy is as good as before for the one who may.
    expect(await append({ offset: BYTES.byteLength })).toEqual({ length: 2 * BYTES.byteLength })
  })

  it.each<[string, () => VolumeOrder]>([
    ['an earlier start of this server', () => orderOf({}, identity.incarnation - 1)],
    ['a later start of this server', () => orderOf({}, identity.incarnation + 1)],
    ['other servers', () => orderOf({ replicas: orderOf().replicas.slice(0, 1) })],
  ])('are refused for a copy that was ordered from %s', async (_name, made) => {
    await haveCopy(made())
    expect(await refusalOf()).toEqual(refused(STALE))
  })

  it('are refused for the copy of the start before, though it was open then', async () => {
    await haveCopy(orderOf())
    await append()
    node.crash('process')
    node.restart()
    const before = identity.incarnation
    await simulation.complete(async () => {
      const { disk, log, random } = node.runtime
      identity = await ServerIdentity.open({ disk, crc32, log }, random)
      store = await VolumeStore.open(storeDeps(node.runtime))
    })
    assert(identity.incarnation > before, 'each start has an incarnation of its own')
    expect(reportOf(VOLUME).state).toBe('open')
    expect(await refusalOf({ offset: reportOf(VOLUME).lengthBytes })).toEqual(refused(STALE))
  })

  it.each<[string, string, Partial<AppendRequest>]>([
    ['that do not follow the last one', 'OFFSET_CONFLICT', { offset: 1 }],
    ['that changed on their way', 'DAMAGED', { crc32: crc32(BYTES) ^ 1 }],
  ])('%s are refused: %s', async (_name, code, change) => {
    await haveCopy(orderOf())
    expect(await refusalOf(change)).toEqual(refused(code))
  })

  it('are refused for a sealed copy, and for one that is not here', async () => {
    await haveCopy(orderOf())
    await append()
    await simulation.complete(() => store.seal(VOLUME, BYTES.byteLength))
    expect(await refusalOf({ offset: BYTES.byteLength })).toEqual(refused('VOLUME_SEALED'))
    expect(await refusalOf({ volume: VOLUME + 1 })).toEqual(refused('VOLUME_NOT_FOUND'))
  })
})
