/** An open volume at its limits: what is refused for lack of room leaves no trace in what follows. */
import { QueueFullError, utf8 } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { parseHeader, sumContent, VOLUMES_DIRECTORY } from '@dfs/volume'
import { expect, it } from 'vitest'
import { OpenVolume } from '../src/replication/open-volume.ts'
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

it('stores a record where its placement says, also after others were refused because too many waited', async () => {
  const simulation = new Simulation('queue full')
  const { runtime, disk } = simNode(new SimNetwork(simulation), 'node')
  const placement = await simulation.complete(async () => {
    await runtime.disk.makeDirectory(VOLUMES_DIRECTORY)
    const order = { ...ORDER, replicas: [...ORDER.replicas] }
    const copy = await VolumeCopy.create(copyDeps(runtime), {
      formatVersion: 1,
      order,
      replica: 5,
      state: 'open',
      sealedLengthBytes: null,
      verifiedToBytes: 0,
    })
    const addressOf = (): string => 'nobody'
    const volume = new OpenVolume(order, copy, {
      ...runtime,
      crc32,
      tuning: DEFAULT_TUNING,
      addressOf,
      witness: () => null,
      onPeerSuccess: () => {},
      onPeerFailure: () => {},
    })
    const append = (requestNumber: number) =>
      volume.append({ requestNumber, start: 0, path: '/a' }, sumContent([utf8('x')], crc32))
    const results = await Promise.allSettled(
      Array.from({ length: TOO_MANY }, (_, index) => append(index + 1)),
    )
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]).toMatchObject({ reason: expect.any(QueueFullError) as QueueFullError })
    return await append(TOO_MANY + 1)
  })
  const bytes = disk.peek('volumes/4d.log')!.subarray(placement.offset)
  const header = parseHeader(bytes, { salt: fromHex(SALT), crc32 })
  expect(header).toMatchObject({ offset: placement.offset, requestNumber: TOO_MANY + 1 })
})
