/** The calls of the master, and of whoever recovers: who is obeyed, and what counts as seen of the master. */
import { crc32 } from '@dfs/node-runtime'
import {
  appendMetadata,
  callMethod,
  type Epoch,
  forgetMetadataCopy,
  METADATA_BYTES_PER_CALL_MAX,
  type Method,
  methodHandler,
  readMetadataCopy,
  viewMetadataCopy,
} from '@dfs/protocol'
import { type CrashKind, SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { type Frame, METADATA_COPIES_DIRECTORY } from '@dfs/metadata-copy'
import { expect, test } from 'vitest'
import { CurrentAnswers } from '../../src/master/current-answers.ts'
import { metadataCopyMethods } from '../../src/metadata-copies/metadata-copy-methods.ts'
import { openStorage, type Storage } from '../../src/parts/storage.ts'
import { DEFAULT_TUNING } from '../../src/tuning.ts'
import { at, changes, CLUSTER, snapshot } from './copy-master.ts'

const OPTIONS = { timeoutMs: 10_000 }

class Holder {
  readonly simulation: Simulation
  readonly node: SimNode
  readonly #caller: SimNode
  storage!: Storage

  private constructor(seed: string) {
    this.simulation = new Simulation(seed)
    const network = new SimNetwork(this.simulation)
    this.node = simNode(network, 'holder')
    this.#caller = simNode(network, 'master')
  }

  /** Registered with a master at that epoch. */
  static async open(seed: string, registered: Epoch = at(10)): Promise<Holder> {
    const holder = new Holder(seed)
    await holder.#begin()
    await holder.simulation.complete(async () => {
      await holder.storage.identity.bind(CLUSTER, 7)
      await holder.storage.identity.observe(registered)
    })
    return holder
  }

  async restart(kind: CrashKind): Promise<void> {
    this.node.crash(kind)
    this.node.restart()
    await this.#begin()
  }

  call<Q, R>(method: Method<Q, R>, request: Q): Promise<R> {
    const { transport } = this.#caller.runtime
    return this.simulation.complete(() => callMethod(transport, 'holder', method, request, OPTIONS))
  }

  append(epoch: Epoch, frames: readonly Frame[], clusterId = CLUSTER) {
    return this.simulation.complete(() => this.appending(epoch, frames, clusterId))
  }

  appending(epoch: Epoch, frames: readonly Frame[], clusterId = CLUSTER) {
    const request = { clusterId, epoch, frames: frames.map(({ bytes }) => bytes) }
    return callMethod(this.#caller.runtime.transport, 'holder', appendMetadata, request, OPTIONS)
  }

  /** Resolves when bytes of a metadata copy are on their way to the disk. */
  untilWritten(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.node.disk.faultHook = ({ kind, name }) => {
      if (kind === 'append' && name.startsWith(METADATA_COPIES_DIRECTORY)) resolve()
      return null
    }
    return promise
  }

  async #begin(): Promise<void> {
    await this.simulation.complete(async () => {
      const options = { crc32, tuning: DEFAULT_TUNING, freeSpaceFloorBytes: 0 }
      this.storage = await openStorage(this.node.runtime, options)
      const { identity, metadataCopies: copies } = this.storage
      const answers = new CurrentAnswers(this.storage)
      const requireCurrent = (epoch: Epoch) => answers.require(epoch)
      const methods = metadataCopyMethods({ identity, copies, crc32, requireCurrent })
      await this.node.runtime.transport.serve(
        methodHandler(methods),
        methods.map(({ route }) => route),
      )
    })
  }
}

test('the master brings a copy, and whoever recovers sees where it is and reads it', async () => {
  const holder = await Holder.open('whole')
  const frames = [...(await snapshot(10)), await changes(10, 11)]
  const { isGap, state } = await holder.append(at(11), frames)
  expect([isGap, state.position]).toEqual([false, at(11)])
  expect(await holder.call(viewMetadataCopy, {})).toEqual({ clusterId: CLUSTER, state })
  const whole = Buffer.concat(frames.map(({ bytes }) => bytes))
  const read: Uint8Array[] = []
  for (let from = 0; ;) {
    const reply = await holder.call(readMetadataCopy, { snapshot: at(10), from })
    const bytes = Buffer.concat(reply.frames)
    if (bytes.byteLength === 0) break
    read.push(bytes)
    from += bytes.byteLength
  }
  expect(Buffer.concat(read).equals(whole)).toBe(true)
  await holder.call(forgetMetadataCopy, { clusterId: CLUSTER, epoch: at(11) })
  expect((await holder.call(viewMetadataCopy, {})).state.position).toBeNull()
  await expect(holder.call(readMetadataCopy, { snapshot: at(10), from: 0 })).rejects.toMatchObject({
    code: 'VOLUME_NOT_FOUND',
  })
})

test('what was appended counts as seen of the master, whatever happens then (R5)', async () => {
  for (const kind of ['power', 'process'] as const) {
    const holder = await Holder.open(`seen ${kind}`)
    // The call itself was made a moment before.
    await holder.append(at(10), [...(await snapshot(10)), await changes(10, 17)])
    expect(holder.storage.identity.knownEpoch).toEqual(at(17))
    await holder.restart(kind)
    expect(holder.storage.identity.knownEpoch, kind).toEqual(at(17))
    // A later start that knows less is on a restored backup.
    await expect(holder.append(at(16, 4), [])).rejects.toMatchObject({ code: 'STALE_EPOCH' })
  }
})

test('what was forgotten counts as seen all the same (R6)', async () => {
  const holder = await Holder.open('forgotten')
  await holder.append(at(10), [...(await snapshot(10)), await changes(10, 17)])
  await holder.call(forgetMetadataCopy, { clusterId: CLUSTER, epoch: at(17) })
  await holder.restart('power')
  expect(holder.storage.metadataCopies.witness).toBeNull()
  expect(holder.storage.identity.knownEpoch).toEqual(at(17))
})

test('an older master is refused, also if the newer one is heard of while its frames are written (R6)', async () => {
  const holder = await Holder.open('older')
  await holder.append(at(10), await snapshot(10))
  const newer = at(500, 1003, 'fedcba9876543210')
  const eleven = await changes(10, 11)
  const old = holder.simulation.complete(async () => {
    const appending = holder.appending(at(11), [eleven])
    await holder.untilWritten()
    void holder.storage.identity.observe(newer)
    await appending
  })
  await expect(old).rejects.toMatchObject({ code: 'STALE_EPOCH' })
  for (const frames of [[], [await changes(11, 12)]]) {
    await expect(holder.append(at(12), frames)).rejects.toMatchObject({ code: 'STALE_EPOCH' })
  }
  const forgetting = holder.call(forgetMetadataCopy, { clusterId: CLUSTER, epoch: at(12) })
  await expect(forgetting).rejects.toMatchObject({ code: 'STALE_EPOCH' })
  const other = { ...newer, nonce: '0000000000000001' }
  await expect(holder.append(other, []), 'a start with the same number').rejects.toMatchObject({
    code: 'STALE_EPOCH',
  })
  // The new history begins with a snapshot, and reads what the old one has left until then.
  expect((await holder.call(viewMetadataCopy, {})).state.snapshot).toEqual(at(10))
  expect((await holder.append(newer, [])).isGap).toBe(false)
})

test('a start of the master with which this server has not registered brings nothing yet (R6)', async () => {
  const holder = await Holder.open('not registered')
  const next = at(20, 4, 'fedcba9876543210')
  await expect(holder.append(next, await snapshot(18))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(holder.storage.identity.knownEpoch).toEqual(at(10))
  await holder.simulation.complete(() => holder.storage.identity.observe(next))
  // Its frames may be of an earlier start.
  expect((await holder.append(next, await snapshot(18))).isGap).toBe(false)
})

test('frames that cannot be meant are refused before a byte is written', async () => {
  const holder = await Holder.open('refused')
  const frames = [...(await snapshot(10)), await changes(10, 11)]
  const foreign = 'ff'.repeat(16)
  const refused: [string, readonly Frame[], string?][] = [
    ['WRONG_CLUSTER', frames, foreign],
    ['WRONG_CLUSTER', await snapshot(10, { clusterId: foreign })],
    ['INVALID_REQUEST', [...frames, await changes(at(11), at(12, 4))]],
    ['INVALID_REQUEST', await snapshotOfOtherHistory()],
    ['INVALID_REQUEST', frames.map(damaged)],
    ['INVALID_REQUEST', frames.map(torn)],
    ['INVALID_REQUEST', [await tooMuch()]],
  ]
  for (const [code, sent, clusterId] of refused) {
    await expect(holder.append(at(11), sent, clusterId)).rejects.toMatchObject({ code })
  }
  expect((await holder.call(viewMetadataCopy, {})).state).toMatchObject({ incoming: null, end: null })
})

const damaged = (frame: Frame): Frame => {
  const bytes = frame.bytes.slice()
  bytes[60]! ^= 1
  return { ...frame, bytes }
}
const torn = (frame: Frame): Frame => ({ ...frame, bytes: frame.bytes.slice(0, -1) })
const snapshotOfOtherHistory = async (): Promise<Frame[]> => [
  await changes(at(10, 3, 'fedcba9876543210'), at(11, 3, 'fedcba9876543210')),
]
const tooMuch = async (): Promise<Frame> => {
  const frame = await changes(10, 11)
  return { ...frame, bytes: new Uint8Array(METADATA_BYTES_PER_CALL_MAX + 1) }
}
