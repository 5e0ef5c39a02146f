/** A copy goes while somebody is at work on it: that ends, each in its way, and nothing is written where the copy was. */
import { concatBytes, utf8 } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { type DropOrder, makeId, type VolumeOrder } from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { copyLogName, copyStateName, frameRecord, type ReadInto, sumContent } from '@dfs/volume'
import { beforeEach, describe, expect, it } from 'vitest'
import { fromHex } from '../src/volume/copy-verification.ts'
import { type VolumeCopy } from '../src/volume/volume-copy.ts'
import { VolumeStore } from '../src/volume/volume-store.ts'
import { chunkServerWorkers } from '../src/workers/chunk-server-workers.ts'
import { FullCheck } from '../src/workers/full-check.ts'
import { OrderInbox } from '../src/master/order-inbox.ts'
import { BESIDE } from './obey.ts'
import { batchOf, storeDeps } from './store-deps.ts'

const [GOING, STAYING] = [makeId(1, 70), makeId(1, 71)]
const REPLICA = 5
const SALT = '0123456789abcdef'
const SLOW_MS = 500
const LOG = copyLogName(GOING)

const orderOf = (volume: number): VolumeOrder => ({
  volume,
  kind: 'small',
  salt: SALT,
  primary: { server: 1, incarnation: 1 },
  replicas: [{ replica: REPLICA, server: 1, incarnation: 1 }],
})
const DROP: DropOrder = { kind: 'drop', volume: GOING, replica: REPLICA }

function record(volume: number, offset = 0): Uint8Array {
  const place = { volume, offset, server: 1, incarnation: 1, requestNumber: 1, start: 0, committedEnd: 0 }
  const content = sumContent([utf8('some content')], crc32)
  const options = { salt: fromHex(SALT), crc32 }
  return concatBytes(frameRecord({ ...place, path: '/a', witness: null }, content, options).pieces)
}
const SIZE = record(GOING).byteLength

let simulation: Simulation
let node: SimNode
let store: VolumeStore
let orders: OrderInbox
let going: VolumeCopy
/** What was done to the log and the note of the copy that goes, as it began. */
let operations: string[]
let slow: (kind: string, name: string) => boolean

beforeEach(async () => {
  simulation = new Simulation('drop meanwhile')
  node = simNode(new SimNetwork(simulation), 'node')
  orders = new OrderInbox()
  await simulation.complete(async () => {
    store = await VolumeStore.open(storeDeps(node.runtime))
    for (const volume of [GOING, STAYING]) {
      const copy = await store.create(orderOf(volume), REPLICA)
      for (const offset of [0, SIZE]) await copy.append(batchOf(offset, [record(volume, offset)]))
    }
  })
  going = store.require(GOING)
  operations = []
  slow = () => false
  node.disk.faultHook = ({ kind, name }) => {
    if (name.startsWith(LOG) || name.startsWith(copyStateName(GOING))) operations.push(`${kind} ${name}`)
    return slow(kind, name) ? { kind: 'slow', extraMs: SLOW_MS } : null
  }
})

const seal = (): Promise<unknown> =>
  simulation.complete(async () => {
    for (const volume of [GOING, STAYING]) await store.seal(volume, 2 * SIZE)
  })

/** The workers of a server, at work until the simulation is over. What they throw fails the test. */
function work({ others = [] }: { others?: readonly ReadInto[] } = {}): FullCheck {
  const fullCheck = new FullCheck({ ...node.runtime, store })
  const otherCopies = async (): Promise<ReadInto[]> => [...others]
  const workers = chunkServerWorkers({
    copying: [],
    ...node.runtime,
    ...BESIDE,
    orders,
    store,
    fullCheck,
    otherCopies,
  })
  void workers.run(new AbortController().signal).catch((error: Error) => simulation.fail(error))
  return fullCheck
}

const pass = (ms: number): Promise<unknown> => simulation.run({ untilMs: simulation.nowMs + ms })

/** The copy has gone, once what was under way has ended, and nobody wrote where it was. */
function expectGone(): void {
  expect(orders.takeDone().dropped).toEqual([{ volume: GOING, replica: REPLICA }])
  expect([node.disk.peek(LOG), node.disk.peek(copyStateName(GOING))]).toEqual([null, null])
  const removal = operations.indexOf(`remove ${LOG}`)
  const after = operations.slice(removal + 1)
  expect(after).toEqual([`remove ${copyStateName(GOING)}.tmp`, `remove ${copyStateName(GOING)}`])
  const errors = node.log.lines.filter(({ level }) => level === 'error')
  expect(errors).toEqual([])
}

const GONE = { code: 'VOLUME_NOT_FOUND' }

describe('a read that is under way', () => {
  it('gets its bytes, the next one is refused, and the log goes after both', async () => {
    await seal()
    slow = (kind) => kind === 'read'
    const bytes = new Uint8Array(SIZE)
    let isRead = false
    const reading = going.readInto(SIZE, bytes).then(() => (isRead = true))
    work()
    orders.accept([DROP], 1)
    await pass(SLOW_MS / 2)
    expect([isRead, operations.includes(`remove ${LOG}`), store.get(GOING)]).toEqual([
      false,
      false,
      undefined,
    ])
    await expect(going.readInto(0, bytes)).rejects.toMatchObject(GONE)
    await simulation.complete(() => reading)
    expect(bytes).toEqual(record(GOING, SIZE))
    await pass(SLOW_MS)
    expectGone()
  })

  it('is not kept open of a copy that was read before', async () => {
    await seal()
    await simulation.complete(() => going.readInto(0, new Uint8Array(1)))
    work()
    orders.accept([DROP], 1)
    await pass(SLOW_MS)
    expect(operations.filter((operation) => operation === `close ${LOG}`)).toHaveLength(1)
    expectGone()
  })
})

describe('an append that is under way', () => {
  it('ends first, and is not acknowledged', async () => {
    slow = (kind, name) => kind === 'sync' && name === LOG
    const appending = going
      .append(batchOf(2 * SIZE, [record(GOING, 2 * SIZE)]))
      .catch((error: unknown) => error)
    work()
    orders.accept([DROP], 1)
    await pass(2 * SLOW_MS)
    expect(await appending).toMatchObject(GONE)
    await expect(going.append(batchOf(2 * SIZE, [record(GOING, 2 * SIZE)]))).rejects.toMatchObject(GONE)
    expect(operations.indexOf(`sync ${LOG}`)).toBeLessThan(operations.indexOf(`remove ${LOG}`))
    expectGone()
  })
})

describe('a change of the note that is under way', () => {
  it('is written first; a later one is not written at all', async () => {
    slow = (kind, name) => kind === 'sync' && name.startsWith(copyStateName(GOING))
    const sealing = store.seal(GOING, 2 * SIZE)
    work()
    orders.accept([DROP], 1)
    await simulation.complete(() => sealing)
    await pass(3 * SLOW_MS)
    await expect(going.seal(2 * SIZE, true), 'sealed already').resolves.toBeUndefined()
    await expect(going.seal(SIZE, true)).rejects.toMatchObject(GONE)
    expectGone()
  })
})

describe('a verification and the mending that follows it', () => {
  /** A whole copy elsewhere, which takes its time. */
  const elsewhere: ReadInto = async (at, buffer) => {
    await node.runtime.clock.sleep(SLOW_MS)
    const part = concatBytes([record(GOING), record(GOING, SIZE)]).subarray(at, at + buffer.byteLength)
    buffer.set(part)
    return part.byteLength
  }

  it.each([
    ['reads the copy', SLOW_MS / 2],
    ['asks others for right bytes', 4 * SLOW_MS],
    ['writes them', 7 * SLOW_MS],
  ])('ends while it %s; the other copies are verified as always', async (_what, afterMs) => {
    await seal()
    node.disk.flipBit(LOG, SIZE - 10, 2)
    slow = (_kind, name) => name === LOG
    work({ others: [elsewhere] })
    await pass(afterMs)
    expect(going.report().verifiedToBytes).toBe(0)
    orders.accept([DROP], 1)
    await pass(20 * SLOW_MS)
    expectGone()
    expect(store.require(STAYING).report().verifiedToBytes).toBe(2 * SIZE)
  })

  it('is at these moments where the test says', async () => {
    await seal()
    node.disk.flipBit(LOG, SIZE - 10, 2)
    slow = (_kind, name) => name === LOG
    work({ others: [elsewhere] })
    await pass(SLOW_MS / 2)
    const done = (): number => operations.filter((operation) => operation === `write ${LOG}`).length
    expect(operations).toContain(`sync ${LOG}`)
    await pass(3.5 * SLOW_MS)
    expect(done()).toBe(0)
    await pass(3 * SLOW_MS)
    expect(done()).toBe(1)
  })
})

describe('a check of all copies', () => {
  it('goes on with the next one', async () => {
    await seal()
    slow = (kind, name) => kind === 'read' && name === LOG
    const fullCheck = work()
    await pass(10 * SLOW_MS)
    operations = []
    fullCheck.want(3)
    await simulation.run({ untilMs: simulation.nowMs + 5000, isDone: () => operations.length > 0 })
    expect(fullCheck.check).toMatchObject({ copies: 2, isDone: false })
    orders.accept([DROP], 1)
    await pass(5 * SLOW_MS)
    expect(fullCheck.check).toMatchObject({ damagedRanges: 0, isDone: true })
    expectGone()
  })
})

describe('other orders for a copy that goes', () => {
  it('come to nothing: it is neither sealed nor read, nor called failed', async () => {
    slow = (kind, name) => kind === 'remove' && name === LOG
    work()
    orders.accept([DROP], 1)
    await pass(SLOW_MS / 2)
    orders.accept([{ kind: 'seal', volume: GOING, replica: REPLICA, sealedLengthBytes: 0 }], 1)
    expect(store.find({ volume: GOING, replica: REPLICA })).toBeNull()
    expect(store.takeChangedReports().filter(({ volume }) => volume === GOING)).toEqual([])
    await pass(2 * SLOW_MS)
    expectGone()
  })

  it('are answered for a record that is being read again', async () => {
    await seal()
    slow = (kind, name) => kind === 'read' && name === LOG
    const check = { kind: 'check', volume: GOING, replica: REPLICA, offset: 0, recordSize: SIZE } as const
    work()
    orders.accept([check], 1)
    await pass(SLOW_MS / 2)
    // The quick lane carries out one order at a time; whoever drops otherwise is not kept waiting by it.
    await simulation.complete(() => store.drop(GOING, REPLICA))
    await pass(2 * SLOW_MS)
    expect(orders.takeDone().checked).toEqual([{ replica: REPLICA, offset: 0 }])
  })
})
