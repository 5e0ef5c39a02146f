/** One copy on a simulated disk: what is written down beside it, and what a failing or full disk does to it. */
import { concatBytes, utf8 } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { type VolumeOrder } from '@dfs/protocol'
import { type DiskFaultHook, SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { copyLogName, type CopyState, frameRecord, sumContent, VOLUMES_DIRECTORY } from '@dfs/volume'
import { describe, expect, it } from 'vitest'
import { AppendGuard } from '../src/volume/append-guard.ts'
import { fromHex } from '../src/volume/copy-verification.ts'
import { VolumeCopy } from '../src/volume/volume-copy.ts'
import { VolumeStore } from '../src/volume/volume-store.ts'
import { finish } from './finish.ts'
import { obey } from './obey.ts'
import { batchOf, copyDeps, storeDeps } from './store-deps.ts'

const SALT = '0123456789abcdef'
const ORDER: VolumeOrder = {
  volume: 77,
  kind: 'small',
  salt: SALT,
  primary: { server: 1, incarnation: 1 },
  replicas: [{ replica: 5, server: 1, incarnation: 1 }],
}
const OPEN: CopyState = {
  formatVersion: 1,
  order: ORDER,
  replica: 5,
  state: 'open',
  sealedLengthBytes: null,
  verifiedToBytes: 0,
}

const record = (offset: number): Uint8Array =>
  concatBytes(
    frameRecord(
      {
        volume: 77,
        offset,
        server: 1,
        incarnation: 1,
        requestNumber: 1,
        start: 0,
        committedEnd: 0,
        witness: null,
        path: '/a',
      },
      sumContent([utf8('some content')], crc32),
      { salt: fromHex(SALT), crc32 },
    ).pieces,
  )

interface World {
  readonly simulation: Simulation
  readonly node: SimNode
  copy: VolumeCopy
}

/** A new copy with one synced record. */
async function world(seed: string): Promise<World> {
  const simulation = new Simulation(seed)
  const node = simNode(new SimNetwork(simulation), 'node')
  const copy = await simulation.complete(async () => {
    await node.runtime.disk.makeDirectory(VOLUMES_DIRECTORY)
    await node.runtime.disk.syncDirectory('')
    const made = await VolumeCopy.create(copyDeps(node.runtime), OPEN)
    await made.append(batchOf(0, [record(0)]))
    return made
  })
  return { simulation, node, copy }
}

const storeOf = ({ node }: World): Promise<VolumeStore> => VolumeStore.open(storeDeps(node.runtime))

describe('the state beside a copy', () => {
  it('survives a power cut whenever it comes while two changes are being written', async () => {
    for (let cutAfter = 1; cutAfter < 40; cutAfter += 1) {
      const made = await world(`two changes ${cutAfter}`)
      const { simulation, node, copy } = made
      void copy.seal(copy.syncedLength)
      void finish(copy.verify())
      let left = cutAfter
      await simulation.run({ isDone: () => (left -= 1) < 0 })
      node.crash('power')
      node.restart()
      const store = await simulation.complete(() => storeOf(made))
      expect(store.get(77)?.state.order, `cut after ${cutAfter} events`).toEqual(ORDER)
    }
  })

  it('is whole when a seal and the verification behind it are both written', async () => {
    const { simulation, copy, node } = await world('both')
    const isWhole = await simulation.complete(async () => {
      const sealing = copy.seal(copy.syncedLength)
      const verified = await finish(copy.verify())
      await sealing
      return verified
    })
    expect(isWhole).toEqual([])
    const written: unknown = JSON.parse(Buffer.from(node.disk.peek('volumes/4d.json')!).toString())
    expect(written).toMatchObject({ state: 'sealed', verifiedToBytes: copy.syncedLength })
  })
})

describe('a verification', () => {
  /** A sealed copy of three records; `meanwhile` happens when the first one was read. */
  async function verifiedTo(
    meanwhile: (its: World & { size: number }) => Promise<unknown>,
  ): Promise<{ verified: number; size: number }> {
    const made = await world('meanwhile')
    const { simulation, copy } = made
    const size = copy.syncedLength
    await simulation.complete(async () => {
      for (const at of [size, 2 * size]) await copy.append(batchOf(at, [record(at)]))
      await copy.seal(3 * size)
      const reading = copy.verify()
      await reading.next()
      await meanwhile({ ...made, size })
      await finish(reading)
    })
    return { verified: copy.report().verifiedToBytes, size }
  }

  it('comes to the end if nothing happens meanwhile', async () => {
    const { verified, size } = await verifiedTo(async () => {})
    expect(verified).toBe(3 * size)
  })

  it('does not cover what a check finds wrong meanwhile behind it (R8)', async () => {
    const { verified } = await verifiedTo(async ({ node, copy, size }) => {
      node.disk.flipBit('volumes/4d.log', size - 5, 1)
      expect(await copy.check({ at: 0, end: size })).toBe(false)
    })
    expect(verified).toBe(0)
  })

  it('does not cover what a whole reading finds wrong meanwhile behind it (R8)', async () => {
    const { verified } = await verifiedTo(async ({ node, copy, size }) => {
      node.disk.flipBit('volumes/4d.log', size - 5, 1)
      expect(await finish(copy.readAgain())).toHaveLength(1)
    })
    expect(verified).toBe(0)
  })

  it('counts for nothing if all that was verified is forgotten meanwhile', async () => {
    expect((await verifiedTo(({ copy }) => copy.forgetVerified())).verified).toBe(0)
  })

  it('ends if a new history of the metadata ends the copy meanwhile', async () => {
    const { verified, size } = await verifiedTo(({ copy, size: first }) => copy.seal(2 * first, true))
    expect(verified).toBe(2 * size)
  })
})

/** What a disk that refuses to take more means for whoever wanted to append. */
const NO_ROOM = { code: 'INSUFFICIENT_SPACE', cause: { kind: 'full' } }

describe('a write or a sync that fails', () => {
  it.each([
    ['append', 'io'],
    ['sync', 'io'],
    ['sync', 'full'],
  ] as const)('ends the copy for good: %s answers %s', async (failing, error) => {
    const { simulation, node, copy } = await world(failing)
    const length = copy.syncedLength
    const bytes = record(length)
    const isLog = (name: string): boolean => name.endsWith('.log')
    node.disk.faultHook = ({ kind, name }) =>
      kind === failing && isLog(name) ? { kind: 'error', error } : null
    const append = (): Promise<number> => simulation.complete(() => copy.append(batchOf(length, [bytes])))
    const thrown = error === 'full' ? NO_ROOM : { kind: error }
    await expect(append()).rejects.toMatchObject(thrown)
    const asked: string[] = []
    node.disk.faultHook = ({ kind, name }) => {
      if (isLog(name)) asked.push(kind)
      return null
    }
    await expect(append(), 'the kernel may have dropped the pages').rejects.toMatchObject({
      code: 'VOLUME_SEALED',
    })
    expect([asked, copy.report().state, copy.syncedLength]).toEqual([[], 'failed', length])
  })
})

describe('an append', () => {
  /** A disk with so much room, and whoever notes what records say. */
  async function guarded(roomBytes: number): Promise<World & { events: string[] }> {
    const events: string[] = []
    const guard = new AppendGuard({
      space: {
        hasRoom: (bytes) => bytes <= roomBytes,
        noteAppended: (bytes) => events.push(`${bytes} bytes taken`),
        noteFull: () => events.push('full'),
      },
      witness: {
        appending: async (said, append) => {
          events.push(`says ${said?.sequence}`)
          return await append()
        },
      },
    })
    const made = await world('guarded')
    const state = { ...OPEN, order: { ...ORDER, volume: 78 } }
    const copy = await made.simulation.complete(() =>
      VolumeCopy.create({ ...copyDeps(made.node.runtime), guard }, state),
    )
    return { ...made, copy, events }
  }

  const batch = {
    ...batchOf(0, [new Uint8Array(100)]),
    witness: { counter: 1, nonce: '0'.repeat(16), sequence: 7 },
  }

  it('takes room from the disk and has noted what its records say, once each', async () => {
    const { simulation, copy, events } = await guarded(100)
    expect(await simulation.complete(() => copy.append(batch))).toBe(100)
    expect(events).toEqual(['says 7', '100 bytes taken'])
  })

  it('is refused without room, and leaves the copy as good as it was', async () => {
    const { simulation, node, copy, events } = await guarded(99)
    await expect(simulation.complete(() => copy.append(batch))).rejects.toMatchObject({
      code: 'INSUFFICIENT_SPACE',
    })
    expect([events, node.disk.peek(copyLogName(78))!.byteLength]).toEqual([[], 0])
    const smaller = { ...batchOf(0, [new Uint8Array(99)]), witness: null }
    expect(await simulation.complete(() => copy.append(smaller))).toBe(99)
  })

  it('that the disk itself refuses makes this server full, and takes nothing', async () => {
    const { simulation, node, copy, events } = await guarded(100)
    node.disk.faultHook = ({ kind }) => (kind === 'append' ? { kind: 'error', error: 'full' } : null)
    await expect(simulation.complete(() => copy.append(batch))).rejects.toMatchObject(NO_ROOM)
    expect(events).toEqual(['says 7', 'full'])
  })
})

describe('a full disk', () => {
  const full: DiskFaultHook = ({ kind }) => (kind === 'append' ? { kind: 'error', error: 'full' } : null)

  it('ends the appends, and harms nothing of what was synced before', async () => {
    const { simulation, node, copy } = await world('full')
    const length = copy.syncedLength
    const bytes = record(length)
    node.disk.faultHook = full
    const appending = simulation.complete(() => copy.append(batchOf(length, [bytes])))
    await expect(appending).rejects.toMatchObject(NO_ROOM)
    node.disk.faultHook = null
    const again = simulation.complete(() => copy.append(batchOf(length, [bytes])))
    await expect(again, 'what stands behind the end is unknown').rejects.toMatchObject({
      code: 'VOLUME_SEALED',
    })
    await simulation.complete(() => copy.seal(length))
    expect(await simulation.complete(() => finish(copy.verify()))).toEqual([])
    expect(copy.report()).toMatchObject({ state: 'sealed', verifiedToBytes: length })
  })

  it('does not keep an order of the master from being obeyed', async () => {
    const made = await world('full seal')
    const { simulation, node } = made
    const store = await simulation.complete(() => storeOf(made))
    node.disk.faultHook = full
    const order = { kind: 'seal', volume: 77, replica: 5, sealedLengthBytes: 0 } as const
    await simulation.complete(() => obey(store, order))
    expect(store.takeChangedReports()).toMatchObject([{ volume: 77, state: 'sealed' }])
  })
})

describe('an order for a copy that was never made here', () => {
  it('is answered, so that the master stops repeating it', async () => {
    const made = await world('never made')
    const store = await made.simulation.complete(() => storeOf(made))
    const order = { kind: 'seal', volume: 99, replica: 8, sealedLengthBytes: 0 } as const
    await made.simulation.complete(() => obey(store, order))
    expect(store.takeChangedReports()).toEqual([
      { volume: 99, replica: 8, state: 'failed', lengthBytes: 0, verifiedToBytes: 0 },
    ])
    expect(store.takeChangedReports()).toEqual([])
  })
})
