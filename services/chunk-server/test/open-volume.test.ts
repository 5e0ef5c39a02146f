/** An open volume at its limits: what is refused leaves no trace in what follows, and a copy that goes ends it. */
import { QueueFullError, utf8 } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { type ChunkPlacement } from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { parseHeader, sumContent, VOLUMES_DIRECTORY } from '@dfs/volume'
import { beforeEach, expect, it } from 'vitest'
import { OpenVolume, VolumeEndedError } from '../src/replication/open-volume.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'
import { fromHex } from '../src/volume/copy-verification.ts'
import { VolumeCopy } from '../src/volume/volume-copy.ts'
import { copyDeps } from './store-deps.ts'

const SALT = '0123456789abcdef'
const ORDER = {
  volume: 77,
  kind: 'small',
  salt: SALT,
  primary: { server: 1, incarnation: 1 },
  replicas: [{ replica: 5, server: 1, incarnation: 1 }],
} as const
/** More than an open volume lets wait. */
const TOO_MANY = 20_000

let simulation: Simulation
let node: SimNode
let copy: VolumeCopy
let volume: OpenVolume

beforeEach(async () => {
  simulation = new Simulation('open volume')
  node = simNode(new SimNetwork(simulation), 'node')
  const { runtime } = node
  const order = { ...ORDER, replicas: [...ORDER.replicas] }
  copy = await simulation.complete(async () => {
    await runtime.disk.makeDirectory(VOLUMES_DIRECTORY)
    return await VolumeCopy.create(copyDeps(runtime), {
      formatVersion: 1,
      order,
      replica: 5,
      state: 'open',
      sealedLengthBytes: null,
      verifiedToBytes: 0,
    })
  })
  volume = new OpenVolume(order, copy, {
    ...runtime,
    crc32,
    tuning: DEFAULT_TUNING,
    addressOf: () => 'nobody',
    witness: () => null,
    onPeerSuccess: () => {},
    onPeerFailure: () => {},
  })
})

const append = (requestNumber: number): Promise<ChunkPlacement> =>
  volume.append({ requestNumber, start: 0, path: '/a' }, sumContent([utf8('x')], crc32))

it('stores a record where its placement says, also after others were refused because too many waited', async () => {
  const placement = await simulation.complete(async () => {
    const results = await Promise.allSettled(
      Array.from({ length: TOO_MANY }, (_, index) => append(index + 1)),
    )
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]).toMatchObject({ reason: expect.any(QueueFullError) as QueueFullError })
    return await append(TOO_MANY + 1)
  })
  const bytes = node.disk.peek('volumes/4d.log')!.subarray(placement.offset)
  const header = parseHeader(bytes, { salt: fromHex(SALT), crc32 })
  expect(header).toMatchObject({ offset: placement.offset, requestNumber: TOO_MANY + 1 })
})

it('ends when its own copy goes, so that whoever writes takes the next volume', async () => {
  await simulation.complete(() => append(1))
  await simulation.complete(async () => {
    const [written, retired] = await Promise.allSettled([append(2), copy.retire()])
    expect([written.status, retired.status]).toEqual(['rejected', 'fulfilled'])
  })
  expect(volume.hasEnded).toBe(true)
  await expect(append(3)).rejects.toBeInstanceOf(VolumeEndedError)
})
