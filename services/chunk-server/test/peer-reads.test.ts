/**
 * Bytes of a copy for another server: as they are on the disk, in memory that is used again only when the answer has left. What is
 * read on behalf of a client counts as load, what is read for a copy does not.
 */
import { type WireReply } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { type Method, methodHandler, MIB, readBytes, type ReadRequest, type VolumeOrder } from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { copyLogName } from '@dfs/volume'
import { beforeEach, describe, expect, it } from 'vitest'
import { ClientLoad } from '../src/copying/client-load.ts'
import { ServerIdentity } from '../src/identity/identity.ts'
import { peerMethods } from '../src/replication/peer-methods.ts'
import { VolumeStore } from '../src/volume/volume-store.ts'
import { batchOf, storeDeps } from './store-deps.ts'

const VOLUME = 70
const LENGTH = 8 * MIB
const ORDER: VolumeOrder = {
  volume: VOLUME,
  kind: 'large',
  salt: '0123456789abcdef',
  primary: { server: 1, incarnation: 1 },
  replicas: [{ replica: 101, server: 1, incarnation: 1 }],
}

let simulation: Simulation
let node: SimNode
let load: ClientLoad
let given = 0
let answer: ReturnType<typeof methodHandler>

beforeEach(async () => {
  simulation = new Simulation('peer reads')
  node = simNode(new SimNetwork(simulation), 'node')
  const { clock, disk, log, random } = node.runtime
  load = new ClientLoad(clock)
  given = 0
  await simulation.complete(async () => {
    const identity = await ServerIdentity.open({ disk, crc32, log }, random)
    const store = await VolumeStore.open(storeDeps(node.runtime))
    const copy = await store.create(ORDER, 101)
    const bytes = new Uint8Array(LENGTH).map((_, at) => at >> 12)
    await copy.append(batchOf(0, [bytes]))
    await store.seal(VOLUME, LENGTH)
    answer = methodHandler(
      peerMethods({
        identity,
        store,
        crc32,
        clientLoad: load,
        onGiven: (bytes) => (given += bytes),
        onOrder: () => {},
        hear: async () => {},
      }),
    )
  })
})

const requestOf = <Q>(method: Method<Q, unknown>, request: Q, requestId?: string) => ({
  route: method.route,
  ...method.encodeRequest(request),
  ...(requestId === undefined ? {} : { requestId }),
})

const read = (range: Omit<ReadRequest, 'volume'>, requestId?: string): Promise<WireReply> =>
  simulation.complete(() => answer(requestOf(readBytes, { volume: VOLUME, ...range }, requestId)))

const isRight = ({ body }: WireReply, offset: number): boolean =>
  body[0]!.every((byte, at) => byte === (((offset + at) >> 12) & 255))

describe('the memory of a large answer', () => {
  const size = 4 * MIB

  it("is nobody else's until the answer has left, and is used again then", async () => {
    const first = await read({ offset: 0, size })
    const second = await read({ offset: size, size })
    expect([isRight(first, 0), isRight(second, size)]).toEqual([true, true])
    expect(first.body[0]!.buffer).not.toBe(second.body[0]!.buffer)
    first.onSent!()
    const third = await read({ offset: MIB, size })
    expect(third.body[0]!.buffer).toBe(first.body[0]!.buffer)
    expect([isRight(third, MIB), isRight(second, size)]).toEqual([true, true])
  })

  it('is given back once, however often that is said', async () => {
    const first = await read({ offset: 0, size })
    first.onSent!()
    first.onSent!()
    const [second, third] = [await read({ offset: 0, size }), await read({ offset: 0, size })]
    expect(second.body[0]!.buffer).not.toBe(third.body[0]!.buffer)
  })

  it('that the disk could not fill is not used again: the disk may still write to it', async () => {
    node.disk.faultHook = ({ kind, name }) =>
      kind === 'read' && name === copyLogName(VOLUME) ? { kind: 'error', error: 'io' } : null
    expect(await read({ offset: 0, size })).toMatchObject({ ok: false })
    node.disk.faultHook = null
    expect(isRight(await read({ offset: 0, size }), 0)).toBe(true)
  })

  it('of a short one is its own', async () => {
    expect((await read({ offset: 0, size: 1000 })).onSent).toBeUndefined()
  })
})

it.each([
  ['for a client counts as load', 'a.1', 'some', 0],
  ['for a copy does not, and is counted as given', undefined, 'none', 1000],
] as const)('what is read %s', async (_what, requestId, level, bytes) => {
  await read({ offset: 0, size: 1000 }, requestId)
  expect([load.level, given]).toEqual([level, bytes])
})
