/** All copies of a server, found again after a start on a disk that does not let some of them be read. */
import { HISTORY_STARTS, makeId, type VolumeOrder } from '@dfs/protocol'
import { type DiskFaultHook, SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { copyLogName, copyStateName, VOLUMES_DIRECTORY } from '@dfs/volume'
import { beforeEach, expect, it } from 'vitest'
import { VolumeStore } from '../src/volume/volume-store.ts'
import { obey } from './obey.ts'
import { batchOf, storeDeps } from './store-deps.ts'

const [UNREADABLE, READABLE] = [70, 71]
const orderOf = (volume: number): VolumeOrder => ({
  volume,
  kind: 'small',
  salt: '0123456789abcdef',
  primary: { server: 1, incarnation: 1 },
  replicas: [{ replica: volume + 100, server: 1, incarnation: 1 }],
})

let simulation: Simulation
let node: SimNode

const open = (): Promise<VolumeStore> => VolumeStore.open(storeDeps(node.runtime))

beforeEach(async () => {
  simulation = new Simulation('volume store')
  node = simNode(new SimNetwork(simulation), 'node')
  await simulation.complete(async () => {
    const store = await open()
    for (const volume of [UNREADABLE, READABLE]) await store.create(orderOf(volume), volume + 100)
    await store.seal(UNREADABLE, 0)
  })
  node.crash('power')
  node.restart()
})

const failsReads: DiskFaultHook = ({ kind, name }) =>
  kind === 'read' && name === copyStateName(UNREADABLE) ? { kind: 'error', error: 'io' } : null

it('starts without a copy that cannot be read, and reports it when it can', async () => {
  node.disk.faultHook = failsReads
  await simulation.complete(async () => {
    const store = await open()
    expect(store.reports().map(({ volume }) => volume)).toEqual([READABLE])
    node.disk.faultHook = null
    await store.lookAgain(new AbortController().signal)
    expect(store.get(UNREADABLE), 'not so soon').toBeUndefined()
    await node.runtime.clock.sleep(1000)
    await store.lookAgain(new AbortController().signal)
    expect(store.takeChangedReports()).toMatchObject([{ volume: UNREADABLE, state: 'sealed' }])
  })
})

it('removes what is left of a copy whose making was cut off, and keeps a log without a note in which anything stands', async () => {
  const [EMPTY, FULL] = [90, 91]
  await simulation.complete(async () => {
    const { disk } = node.runtime
    for (const volume of [EMPTY, FULL]) {
      const file = await disk.open(copyLogName(volume), 'create')
      if (volume === FULL) await file.appendv([new Uint8Array(1)])
      await file.close()
    }
    await (await disk.open(`${copyStateName(EMPTY)}.tmp`, 'create')).close()
    const store = await open()
    expect(store.reports().map(({ volume }) => volume)).toEqual([UNREADABLE, READABLE])
  })
  const names = node.disk.names.list(VOLUMES_DIRECTORY).map((name) => `${VOLUMES_DIRECTORY}/${name}`)
  expect(names.filter((name) => /5[ab]\./.test(name))).toEqual([copyLogName(FULL)])
})

it('removes the note of an open copy without a log, and keeps that of a sealed one', async () => {
  await simulation.complete(async () => {
    const { disk } = node.runtime
    for (const volume of [UNREADABLE, READABLE]) await disk.remove(copyLogName(volume))
    expect((await open()).reports()).toEqual([])
  })
  const names = node.disk.names.list(VOLUMES_DIRECTORY).map((name) => `${VOLUMES_DIRECTORY}/${name}`)
  expect(names).toEqual([copyStateName(UNREADABLE)])
})

it('does not call a copy absent that it could not read', async () => {
  node.disk.faultHook = failsReads
  await simulation.complete(async () => {
    const store = await open()
    const order = { kind: 'seal' as const, sealedLengthBytes: 0 }
    await obey(store, { ...order, volume: UNREADABLE, replica: UNREADABLE + 100 })
    expect(store.takeChangedReports()).toEqual([])
    await obey(store, { ...order, volume: 99, replica: 199 })
    expect(store.takeChangedReports()).toMatchObject([{ volume: 99, state: 'failed' }])
  })
})

it('does not call a copy absent while it is being read again', async () => {
  node.disk.faultHook = failsReads
  await simulation.complete(async () => {
    const store = await open()
    node.disk.faultHook = ({ kind, name }) =>
      kind === 'read' && name === copyStateName(UNREADABLE) ? { kind: 'slow', extraMs: 5000 } : null
    await node.runtime.clock.sleep(1000)
    const looking = store.lookAgain(new AbortController().signal)
    await node.runtime.clock.sleep(1000)
    const order = { kind: 'seal' as const, sealedLengthBytes: 0 }
    await obey(store, { ...order, volume: UNREADABLE, replica: UNREADABLE + 100 })
    await looking
    expect(store.takeChangedReports()).toMatchObject([{ volume: UNREADABLE, state: 'sealed' }])
  })
})

it('takes a copy whose state came wrong from the disk, once, when it looks again', async () => {
  node.disk.faultHook = ({ kind, name }) =>
    kind === 'read' && name === copyStateName(UNREADABLE) ? { kind: 'flip', at: 30, bit: 1 } : null
  await simulation.complete(async () => {
    const store = await open()
    expect(store.unreadableCount).toBe(1)
    node.disk.faultHook = null
    await node.runtime.clock.sleep(1000)
    await store.lookAgain(new AbortController().signal)
    expect(store.get(UNREADABLE)?.state.state).toBe('sealed')
    expect(store.unreadableCount).toBe(0)
  })
})

it('keeps a copy aside whose state is damaged, for good', async () => {
  node.disk.flipBit(copyStateName(UNREADABLE), 30, 1)
  await simulation.complete(async () => {
    const store = await open()
    expect(store.reports().map(({ volume }) => volume)).toEqual([READABLE])
    await node.runtime.clock.sleep(1000)
    await store.lookAgain(new AbortController().signal)
    expect(store.takeChangedReports()).toEqual([])
  })
})

it('keeps the length of its first seal, and says so if another one is ordered', async () => {
  await simulation.complete(async () => {
    const store = await open()
    const copy = await store.create(orderOf(80), 180)
    await copy.append(batchOf(0, [new Uint8Array(100)]))
    const order = { kind: 'seal' as const, volume: 80, replica: 180 }
    await obey(store, { ...order, sealedLengthBytes: 100 })
    const before = node.disk.peek(copyStateName(80))!.slice()
    const errors = (): number => node.log.lines.filter(({ level }) => level === 'error').length
    await obey(store, { ...order, sealedLengthBytes: 100 })
    expect(errors(), 'the same order again').toBe(0)
    for (const sealedLengthBytes of [0, 99, 101]) {
      await obey(store, { ...order, sealedLengthBytes })
      expect(copy.state).toMatchObject({ state: 'sealed', sealedLengthBytes: 100 })
    }
    expect(errors()).toBe(3)
    expect(node.disk.peek(copyStateName(80))).toEqual(before)
  })
})

it('seals again at another length if a new history of the metadata has begun since the volume was made', async () => {
  await simulation.complete(async () => {
    const store = await open()
    const volume = makeId(3, 80)
    const copy = await store.create(orderOf(volume), volume + 100)
    await copy.append(batchOf(0, [new Uint8Array(100)]))
    const order = { kind: 'seal' as const, volume, replica: volume + 100 }
    await obey(store, { ...order, sealedLengthBytes: 100 }, { epoch: 3 })
    await obey(store, { ...order, sealedLengthBytes: 60 }, { epoch: 3 + HISTORY_STARTS - 1 })
    expect(copy.state.sealedLengthBytes, 'the same history').toBe(100)
    await obey(store, { ...order, sealedLengthBytes: 60 }, { epoch: 3 + HISTORY_STARTS })
    expect(copy.state).toMatchObject({ state: 'sealed', sealedLengthBytes: 60 })
    expect(copy.readableLength).toBe(60)

    // From a newer copy of the metadata after all: nobody has cut off what stands behind the seal.
    await obey(store, { ...order, sealedLengthBytes: 100 }, { epoch: 3 + 2 * HISTORY_STARTS })
    expect(copy.report()).toMatchObject({ sealedLengthBytes: 100, lengthBytes: 100 })
    expect(copy.report().verifiedToBytes, 'it was not read').toBeLessThanOrEqual(60)
    expect(copy.readableLength).toBe(100)
  })
})
