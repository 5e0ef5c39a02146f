/**
 * A copy that the master has dropped goes for good, whatever happens meanwhile: a crash anywhere leaves all of it or nothing,
 * who is at work on it ends, and nobody else's copy is touched.
 */
import { crc32 } from '@dfs/node-runtime'
import { makeId } from '@dfs/protocol'
import { type CrashKind, SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { copyLogName, copyStateName, VOLUMES_DIRECTORY } from '@dfs/volume'
import { describe, expect, it } from 'vitest'
import { openStorage } from '../src/parts/storage.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'
import {
  drop,
  dropOf,
  filesOf,
  GOING,
  logOf,
  openStore,
  orderOf,
  record,
  REPLICA,
  STAYING,
  type World,
  world,
} from './drop-world.ts'
import { BESIDE, obey } from './obey.ts'
import { batchOf } from './store-deps.ts'

describe('a copy that is dropped', () => {
  it('is off the disk, found by nobody, and the master is told', async () => {
    const its = await world('dropped')
    const { dropped, result } = await drop(its)
    expect([dropped, result]).toEqual([[{ volume: GOING, replica: REPLICA }], { did: 1 }])
    expect(filesOf(its, GOING)).toEqual([])
    expect(() => its.store.require(GOING)).toThrow(expect.objectContaining({ code: 'VOLUME_NOT_FOUND' }))
    expect(its.store.reports().map(({ volume }) => volume)).toEqual([STAYING])
    expect(logOf(its, STAYING)).toEqual(record(STAYING))
  })

  it('says that it goes before its log does, and keeps the note until the log can never come back', async () => {
    const its = await world('order of operations')
    await its.simulation.complete(() => its.store.require(GOING).readInto(0, new Uint8Array(1)))
    its.operations.length = 0
    await drop(its)
    const [log, note] = [copyLogName(GOING), copyStateName(GOING)]
    const changes = its.operations.filter((operation) => !/^(space|remove .*\.tmp)/.test(operation))
    expect(changes).toEqual([
      `close ${log}`,
      `open ${note}.tmp`,
      `append ${note}.tmp`,
      `sync ${note}.tmp`,
      `close ${note}.tmp`,
      `rename ${note}.tmp`,
      `syncDirectory ${VOLUMES_DIRECTORY}`,
      `remove ${log}`,
      `syncDirectory ${VOLUMES_DIRECTORY}`,
      `remove ${note}`,
    ])
  })

  it('is gone only when the disk says elsewhere what its records say of the master (R6)', async () => {
    const simulation = new Simulation('witness')
    const node = simNode(new SimNetwork(simulation), 'node')
    const options = { crc32, tuning: DEFAULT_TUNING, freeSpaceFloorBytes: 0 }
    const witness = { counter: 7, nonce: '0123456789abcdef', sequence: 60 }
    await simulation.complete(async () => {
      const { store } = await openStorage(node.runtime, options)
      const copy = await store.create(orderOf(GOING), REPLICA)
      await copy.append({ ...batchOf(0, [record(GOING)]), witness })
      expect((await obey(store, dropOf(GOING), { epoch: 7 })).dropped).toHaveLength(1)
    })
    node.crash('power')
    node.restart()
    const { identity, store } = await simulation.complete(() => openStorage(node.runtime, options))
    expect(store.all()).toEqual([])
    expect(identity.knownEpoch).toEqual(witness)
  })

  it('is dropped again, as is one that never was here, and the disk is left alone', async () => {
    const its = await world('twice')
    await drop(its)
    its.operations.length = 0
    for (const order of [dropOf(GOING), dropOf(makeId(1, 99), 8)]) {
      const { dropped, result } = await drop(its, order)
      expect([dropped, result]).toEqual([[{ volume: order.volume, replica: order.replica }], { did: 0 }])
    }
    expect(its.operations).toEqual([])
  })

  it('is another one than a newer copy of its volume, which an order that comes late does not touch', async () => {
    const its = await world('late duplicate')
    await drop(its)
    const newer = REPLICA + 1
    await its.simulation.complete(() => its.store.create(orderOf(GOING, newer), newer))
    its.operations.length = 0
    expect((await drop(its)).dropped).toEqual([{ volume: GOING, replica: REPLICA }])
    expect(its.store.require(GOING).state.replica).toBe(newer)
    expect(its.operations).toEqual([])
  })
})

describe.each<CrashKind>(['power', 'process'])('the end by %s during a drop', (kind) => {
  /** Crashes before the `at`-th operation of `work`; false if it has fewer. */
  async function crashAt(its: World, at: number, work: () => Promise<unknown>): Promise<boolean> {
    let count = 0
    let hasCrashed = false
    its.node.disk.faultHook = () => {
      count += 1
      if (count !== at) return null
      hasCrashed = true
      its.node.crash(kind)
      return null
    }
    let isDone = false
    void work().then(() => (isDone = true))
    await its.simulation.run({
      untilMs: its.simulation.nowMs + 10_000,
      isDone: () => isDone || hasCrashed,
    })
    its.node.disk.faultHook = null
    if (!hasCrashed) return false
    its.node.restart()
    return true
  }

  const ALL = {
    files: [copyLogName(GOING), copyStateName(GOING)],
    state: 'sealed',
    lengthBytes: record(GOING).byteLength,
    log: record(GOING),
  }
  const NOTHING = { files: [], state: undefined, lengthBytes: undefined, log: null }

  /** What a start has found, after having seen that nobody else's copy was touched, and that nothing is strange. */
  function found(its: World): typeof ALL | typeof NOTHING {
    expect(logOf(its, STAYING)).toEqual(record(STAYING))
    expect(its.store.require(STAYING).report()).toMatchObject({ state: 'sealed', replica: REPLICA })
    expect(its.store.unreadableCount).toBe(0)
    expect(its.node.log.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([])
    const files = filesOf(its, GOING)
    // What was not written to the end is written anew with the next note, and goes with it.
    if (files.length === 3) files.pop()
    const { state, lengthBytes } = its.store.get(GOING)?.report() ?? {}
    return { files, state, lengthBytes, log: logOf(its, GOING) } as typeof ALL | typeof NOTHING
  }

  it('leaves all of the copy or nothing, wherever it comes; the order again removes the rest', async () => {
    let [keptCount, goneCount] = [0, 0]
    for (let at = 1; ; at += 1) {
      const its = await world(`${kind} at ${at}`)
      if (!(await crashAt(its, at, () => obey(its.store, dropOf(GOING))))) break
      its.store = await its.simulation.complete(() => openStore(its))
      const left = found(its)
      expect([ALL, NOTHING]).toContainEqual(left)
      if (left.log === null) goneCount += 1
      else keptCount += 1
      expect((await drop(its)).dropped).toEqual([{ volume: GOING, replica: REPLICA }])
      expect(filesOf(its, GOING)).toEqual([])
      its.store = await its.simulation.complete(() => openStore(its))
      expect(found(its)).toEqual(NOTHING)
      expect(at).toBeLessThan(100)
    }
    expect(keptCount).toBeGreaterThan(2)
    expect(goneCount).toBeGreaterThan(2)
  })

  it('may come again while a start finishes it', async () => {
    let crashesInStart = 0
    for (let at = 1; ; at += 1) {
      const its = await world(`${kind} again at ${at}`)
      // At the removal of the log the note says that the copy goes.
      const log = copyLogName(GOING)
      its.node.disk.faultHook = ({ kind: operation, name }) => {
        if (operation === 'remove' && name === log) its.node.crash(kind)
        return null
      }
      void obey(its.store, dropOf(GOING))
      await its.simulation.run({ untilMs: its.simulation.nowMs + 1000, isDone: () => !its.node.isUp })
      its.node.disk.faultHook = null
      its.node.restart()
      const hasCrashed = await crashAt(its, at, () => openStore(its))
      if (hasCrashed) crashesInStart += 1
      its.store = await its.simulation.complete(() => openStore(its))
      expect(found(its)).toEqual(NOTHING)
      if (!hasCrashed) break
    }
    expect(crashesInStart).toBeGreaterThan(5)
  })
})

describe('a disk that fails during a drop', () => {
  it.each([
    ['the note', `rename ${copyStateName(GOING)}.tmp`],
    ['the removal of the log', `remove ${copyLogName(GOING)}`],
    ['the sync of the directory', `syncDirectory ${VOLUMES_DIRECTORY}`],
    ['the removal of the note', `remove ${copyStateName(GOING)}`],
  ])(
    'at %s: nobody is told that it is done, nothing of the copy is used, and the order comes again',
    async (_what, failing) => {
      const its = await world(`fails ${failing}`)
      its.node.disk.faultHook = ({ kind, name }) =>
        `${kind} ${name}` === failing ? { kind: 'error', error: 'io' } : null
      const { dropped, result } = await drop(its)
      expect(dropped).toEqual([])
      expect(result).toMatchObject({ failure: { kind: 'io' } })
      expect([its.store.get(GOING), its.store.reports().length]).toEqual([undefined, 1])
      its.node.disk.faultHook = null
      expect((await drop(its)).dropped).toEqual([{ volume: GOING, replica: REPLICA }])
      expect(filesOf(its, GOING)).toEqual([])
    },
  )

  it('is tried again by a start that finds the note, and later by itself', async () => {
    const its = await world('start fails')
    const fails = ({ kind, name }: { kind: string; name: string }) =>
      kind === 'remove' && name === copyLogName(GOING) ? ({ kind: 'error', error: 'io' } as const) : null
    its.node.disk.faultHook = fails
    await drop(its)
    its.node.crash('process')
    its.node.restart()
    its.store = await its.simulation.complete(() => openStore(its))
    expect([its.store.unreadableCount, its.store.reports().length]).toEqual([1, 1])
    expect((await drop(its)).dropped, 'it may be what could not be read').toEqual([])
    const creating = its.simulation.complete(() => its.store.create(orderOf(GOING, 6), 6))
    await expect(creating, 'two of one volume').rejects.toMatchObject({ code: 'UNAVAILABLE' })
    its.node.disk.faultHook = null
    await its.simulation.complete(async () => {
      await its.node.runtime.clock.sleep(1000)
      await its.store.lookAgain(new AbortController().signal)
    })
    expect([its.store.unreadableCount, filesOf(its, GOING)]).toEqual([0, []])
    expect((await drop(its)).dropped).toEqual([{ volume: GOING, replica: REPLICA }])
  })

  it('lets a new copy of the volume be made only when the old one is off the disk', async () => {
    const its = await world('new copy')
    its.node.disk.faultHook = ({ kind, name }) =>
      kind === 'remove' && name === copyLogName(GOING) ? { kind: 'error', error: 'io' } : null
    await drop(its)
    const create = () => its.simulation.complete(() => its.store.create(orderOf(GOING, 6), 6))
    await expect(create()).rejects.toMatchObject({ kind: 'io' })
    its.node.disk.faultHook = null
    expect((await create()).report()).toMatchObject({ replica: 6, state: 'open', lengthBytes: 0 })
    expect(logOf(its, GOING)!.byteLength).toBe(0)
    await drop(its)
    expect(its.store.require(GOING).state.replica).toBe(6)
  })
})

describe('an order to drop that cannot be meant', () => {
  const OPEN = makeId(2, 5)

  it('is not carried out for a volume that a later start of the master has made', async () => {
    const its = await world('later start')
    await its.simulation.complete(() => its.store.create(orderOf(OPEN), REPLICA))
    const { dropped } = await its.simulation.complete(() => obey(its.store, dropOf(OPEN), { epoch: 1 }))
    expect([dropped, its.store.require(OPEN).state.state]).toEqual([[], 'open'])
  })

  it('is not carried out by an outdated master, for a copy whose primary has seen a later one (R6)', async () => {
    const its = await world('outdated')
    const { store, simulation } = its
    const copy = await simulation.complete(() => store.create(orderOf(OPEN), REPLICA))
    const witness = { counter: 3, nonce: '0123456789abcdef', sequence: 1 }
    await simulation.complete(() => copy.append({ ...batchOf(0, [record(OPEN)]), witness }))
    const outdated = await simulation.complete(() => obey(store, dropOf(OPEN), { epoch: 2 }))
    expect([outdated.dropped, store.get(OPEN)]).toEqual([[], copy])
    const current = await simulation.complete(() => obey(store, dropOf(OPEN), { epoch: 3 }))
    expect(current.dropped).toHaveLength(1)
  })

  it('is not carried out for a volume that this server is writing; that must end first', async () => {
    const its = await world('own')
    const { store, simulation } = its
    const copy = await simulation.complete(() => store.create(orderOf(OPEN), REPLICA))
    let isWriting = true
    const ended: number[] = []
    store.sealed.add((volume) => ended.push(volume))
    const beside = { ...BESIDE, isWriting: (volume: number) => volume === OPEN && isWriting }
    const options = { epoch: 2, log: its.node.runtime.log, beside }
    const first = await simulation.complete(() => obey(store, dropOf(OPEN), options))
    expect([first.dropped, ended, store.get(OPEN)]).toEqual([[], [OPEN], copy])
    expect(its.node.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    const another = await simulation.complete(() => obey(store, dropOf(OPEN, REPLICA + 1), options))
    expect(another.dropped, 'another copy of it is not here').toHaveLength(1)
    isWriting = false
    const second = await simulation.complete(() => obey(store, dropOf(OPEN), options))
    expect(second.dropped).toEqual([{ volume: OPEN, replica: REPLICA }])
  })

  it('is carried out for an open copy that this server does not write: its volume was sealed without it', async () => {
    const its = await world('of another')
    await its.simulation.complete(() => its.store.create(orderOf(OPEN), REPLICA))
    const { dropped } = await its.simulation.complete(() => obey(its.store, dropOf(OPEN), { epoch: 2 }))
    expect(dropped).toEqual([{ volume: OPEN, replica: REPLICA }])
    expect(filesOf(its, OPEN)).toEqual([])
  })
})
