/** Sealed copies are verified however often the disk refuses at first, and checked when the master says so. */
import { concatBytes, type Runner } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { type VolumeOrder } from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { frameRecord, type ReadInto, sumContent } from '@dfs/volume'
import { expect, it } from 'vitest'
import { Verifier } from '../src/workers/verifier.ts'
import { FullCheck } from '../src/workers/full-check.ts'
import { fromHex } from '../src/volume/copy-verification.ts'
import { chunkServerWorkers } from '../src/workers/chunk-server-workers.ts'
import { OrderInbox } from '../src/master/order-inbox.ts'
import { VolumeStore } from '../src/volume/volume-store.ts'
import { BESIDE } from './obey.ts'
import { batchOf, storeDeps } from './store-deps.ts'

const ORDER: VolumeOrder = {
  volume: 77,
  kind: 'small',
  salt: '0123456789abcdef',
  primary: { server: 1, incarnation: 1 },
  replicas: [{ replica: 5, server: 1, incarnation: 1 }],
}
const LOG = 'volumes/4d.log'

interface World {
  readonly simulation: Simulation
  readonly node: SimNode
  readonly store: VolumeStore
  readonly length: number
  /** The record that the copy consists of. */
  readonly bytes: Uint8Array
}

/** A sealed copy with one record. */
async function world(seed: string): Promise<World> {
  const simulation = new Simulation(seed)
  const node = simNode(new SimNetwork(simulation), 'node')
  const { runtime } = node
  const store = await simulation.complete(() => VolumeStore.open(storeDeps(runtime)))
  const record = frameRecord(
    {
      volume: 77,
      offset: 0,
      server: 1,
      incarnation: 1,
      requestNumber: 1,
      start: 0,
      committedEnd: 0,
      witness: null,
      path: '/a',
    },
    sumContent([new Uint8Array(1000).fill(7)], crc32),
    { salt: fromHex(ORDER.salt), crc32 },
  )
  await simulation.complete(async () => {
    const copy = await store.create(ORDER, 5)
    await copy.append(batchOf(0, record.pieces))
    await store.seal(77, record.size)
  })
  return { simulation, node, store, length: record.size, bytes: concatBytes(record.pieces) }
}

/** Its workers, at work until the simulation is over. */
function start(
  { node: { runtime }, store }: World,
  others: readonly ReadInto[] = [],
): {
  workers: Runner
  orders: OrderInbox
  fullCheck: FullCheck
  stop: AbortController
  running: Promise<void>
} {
  const orders = new OrderInbox()
  const fullCheck = new FullCheck({ ...runtime, store })
  const otherCopies = async (): Promise<ReadInto[]> => [...others]
  const workers = chunkServerWorkers({
    copying: [],
    ...runtime,
    ...BESIDE,
    orders,
    store,
    fullCheck,
    otherCopies,
  })
  const stop = new AbortController()
  return { workers, orders, fullCheck, stop, running: workers.run(stop.signal) }
}

/** A whole copy elsewhere. */
const whole =
  (bytes: Uint8Array): ReadInto =>
  async (at, buffer) => {
    const part = bytes.subarray(at, at + buffer.byteLength)
    buffer.set(part)
    return part.byteLength
  }

it('tries a copy again that its disk could not read at first', async () => {
  const its = await world('transient')
  const { simulation, node, store, length } = its
  node.disk.faultHook = ({ kind, name }) =>
    kind === 'read' && name === LOG ? { kind: 'error', error: 'io' } : null
  start(its)
  await simulation.run({ untilMs: simulation.nowMs + 20_000 })
  expect(store.get(77)!.report().verifiedToBytes).toBe(0)
  node.disk.faultHook = null
  await simulation.run({ untilMs: simulation.nowMs + 120_000 })
  expect(store.get(77)!.report().verifiedToBytes).toBe(length)
})

it('reads a record again when it is told to, and says when that is done', async () => {
  const its = await world('check')
  const { simulation, node, store, length } = its
  const { orders } = start(its)
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  expect(store.get(77)!.report().verifiedToBytes).toBe(length)
  node.disk.flipBit(LOG, length - 10, 2)
  const check = { kind: 'check', volume: 77, replica: 5, offset: 0, recordSize: length } as const
  const another = { ...check, replica: 6 }
  orders.accept([check, another], 1)
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  expect(store.get(77)!.report().verifiedToBytes).toBe(0)
  expect(orders.takeDone().checked).toEqual([{ replica: 5, offset: 0 }])
  expect(orders.takeDone().checked).toEqual([])
})

it('reads all copies again when it is asked to, once for each check', async () => {
  const its = await world('full check')
  const { simulation, node, store, length } = its
  const { fullCheck } = start(its)
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  node.disk.flipBit(LOG, length - 10, 2)
  fullCheck.want(7)
  expect(fullCheck.check).toMatchObject({
    id: 7,
    copies: 1,
    bytesDone: 0,
    bytesTotal: length,
    isDone: false,
  })
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const done = { id: 7, copies: 1, bytesDone: length, bytesTotal: length, damagedRanges: 1, isDone: true }
  expect(fullCheck.check).toEqual(done)
  expect(store.get(77)!.report().verifiedToBytes).toBe(0)
  fullCheck.want(7)
  expect(fullCheck.check).toEqual(done)
})

it('does not keep an ordered check waiting while whole copies are read, and ends in the middle of one', async () => {
  const its = await world('two lanes')
  const { simulation, node, length } = its
  const { workers, orders, stop, running } = start(its)
  node.disk.faultHook = ({ kind }) => (kind === 'sync' ? { kind: 'slow', extraMs: 60_000 } : null)
  await simulation.run({ untilMs: simulation.nowMs + 1000 })
  const state = (name: string): string => workers.statuses().find((each) => each.name === name)!.state
  expect(state('verify-copies')).toBe('running')
  orders.accept([{ kind: 'check', volume: 77, replica: 5, offset: 0, recordSize: length }], 1)
  await simulation.run({ untilMs: simulation.nowMs + 2000 })
  const { checked } = orders.takeDone()
  expect([state('verify-copies'), checked]).toEqual(['running', [{ replica: 5, offset: 0 }]])
  stop.abort(new Error('the end'))
  node.disk.faultHook = null
  await simulation.complete(() => running)
})

it('reads a copy in bounded steps, and says how far it is', async () => {
  const { simulation, node, store, length } = await world('steps')
  const { runtime } = node
  const verifier = new Verifier({ ...runtime, store, otherCopies: async () => [] })
  const { signal } = new AbortController()
  expect(verifier.progress()).toEqual({ done: 0, total: length })
  const [first, second, third] = await simulation.complete(async () => [
    await verifier.step(1, signal),
    await verifier.step(1, signal),
    await verifier.step(1, signal),
  ])
  expect([first, second]).toEqual([{ did: length }, { did: 0 }])
  expect(third).toEqual({ idleMs: 1000, why: 'every sealed copy is verified' })
  expect(verifier.progress()).toBeNull()
})

it('says that a copy cannot be made whole now, and which error of the disk was the last', async () => {
  const its = await world('trouble')
  const { simulation, node } = its
  const { workers } = start(its)
  node.disk.faultHook = ({ kind, name }) =>
    kind === 'read' && name === LOG ? { kind: 'error', error: 'io' } : null
  await simulation.run({ untilMs: simulation.nowMs + 1000 })
  const verifying = workers.statuses().find(({ name }) => name === 'verify-copies')!
  expect(verifying).toMatchObject({
    state: 'waiting',
    why: 'copies that are not whole are tried again later: 1',
    progress: { done: 0 },
  })
  expect(verifying.lastError?.message).toContain('injected')
})

it('comes to the end of a check whose last copy makes the disk fail, and counts that copy as damaged', async () => {
  const its = await world('check that fails')
  const { simulation, node } = its
  const { fullCheck } = start(its)
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  node.disk.flipBit(LOG, 500, 0)
  node.disk.faultHook = ({ kind }) => (kind === 'rename' ? { kind: 'error', error: 'io' } : null)
  fullCheck.want(1)
  await simulation.run({ untilMs: simulation.nowMs + 10_000 })
  expect(fullCheck.check).toMatchObject({ id: 1, isDone: true, damagedRanges: 1 })
})

it('says that a copy is mended only when all of it was read again, whatever the disk makes of it meanwhile', async () => {
  const its = await world('does not keep')
  const { simulation, node, store, length, bytes } = its
  const says = (text: string): boolean => node.log.lines.some(({ message }) => message.includes(text))
  node.disk.flipBit(LOG, 500, 0)
  let [isWritten, isReadBack] = [false, false]
  node.disk.faultHook = ({ kind, name }) => {
    if (name !== LOG) return null
    // What was written comes back right at once, and is spoiled when the next look at the copy begins with a sync.
    if (kind === 'write') [isWritten, isReadBack] = [true, false]
    if (kind === 'read') isReadBack = isWritten
    if (kind === 'sync' && isReadBack) {
      node.disk.flipBit(LOG, 700, 1)
      isWritten = isReadBack = false
    }
    return null
  }
  start(its, [whole(bytes)])
  const runUntil = async (text: string): Promise<void> => {
    await simulation.run({ isDone: () => says(text), untilMs: simulation.nowMs + 60_000 })
    expect(says(text), text).toBe(true)
  }
  await runUntil('the disk does not keep')
  expect(says('was mended')).toBe(false)
  expect(store.get(77)!.report().verifiedToBytes).toBe(0)
  node.disk.faultHook = null
  await runUntil('was mended')
  expect(store.get(77)!.report().verifiedToBytes).toBe(length)
})
