/** What a server has seen of the master is on its disk soon: in a record if one comes, beside the logs if none does. */
import { silentLog, utf8 } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { type Epoch } from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { type CopyState, frameRecord, sumContent, VOLUMES_DIRECTORY, type Witness } from '@dfs/volume'
import { beforeEach, expect, it } from 'vitest'
import { ServerIdentity } from '../src/identity/identity.ts'
import { fromHex } from '../src/volume/copy-verification.ts'
import { VolumeCopy } from '../src/volume/volume-copy.ts'
import { WITNESS_WITHIN_MS, WitnessKeeper } from '../src/identity/witness-keeper.ts'
import { finish } from './finish.ts'
import { batchOf, copyDeps } from './store-deps.ts'

const at = (sequence: number): Epoch => ({ counter: 4, nonce: '0123456789abcdef', sequence })
const HEARD_WITHIN_MS = 1500

let simulation: Simulation
let node: SimNode
let identity: ServerIdentity
let keeper: WitnessKeeper
/** Small files that were replaced. */
let writesCount: number

const opened = (): Promise<ServerIdentity> => {
  const { disk, random } = node.runtime
  return simulation.complete(() => ServerIdentity.open({ disk, crc32, log: silentLog }, random))
}

beforeEach(async () => {
  simulation = new Simulation('witness')
  node = simNode(new SimNetwork(simulation), 'node')
  identity = await opened()
  await simulation.complete(() => identity.observe(at(10)))
  keeper = new WitnessKeeper({ clock: node.runtime.clock, log: silentLog, identity })
  writesCount = 0
  node.disk.faultHook = ({ kind }) => {
    if (kind === 'rename') writesCount += 1
    return null
  }
})

/** The master answers that it is so far; on behalf of a client, or not. */
async function answer(sequence: number, { toClient }: { toClient: boolean }): Promise<void> {
  await identity.observe(at(sequence))
  if (toClient) keeper.noteAcknowledged()
  else keeper.noteHeard()
}

/** A record that says this was appended and synced. */
const synced = (witness: Witness): Promise<void> => keeper.appending(witness, async () => undefined)

const pass = (ms: number): Promise<unknown> => simulation.run({ untilMs: simulation.nowMs + ms })

async function afterPowerCut(): Promise<number> {
  node.crash('power')
  node.restart()
  return (await opened()).seenEpoch!.sequence
}

it('is written down within the time named, wherever in a round the last change falls', async () => {
  for (let offsetMs = 0; offsetMs <= 200; offsetMs += 20) {
    await simulation.complete(() => answer(100 + offsetMs, { toClient: true }))
    await pass(offsetMs)
    await simulation.complete(() => answer(101 + offsetMs, { toClient: true }))
    await synced(at(100 + offsetMs))
    await pass(WITNESS_WITHIN_MS)
    expect(identity.writtenEpoch!.sequence, `${offsetMs} ms apart`).toBe(101 + offsetMs)
  }
  expect(await afterPowerCut()).toBe(301)
})

it('writes nothing while records come that say it', async () => {
  for (let sequence = 11; sequence < 200; sequence += 1) {
    await simulation.complete(() => answer(sequence, { toClient: true }))
    await pass(20)
    await synced(at(sequence))
  }
  expect(writesCount).toBe(0)
})

it('waits for a record that says it while that is being synced, but not for one that takes too long', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  await simulation.complete(() => answer(11, { toClient: true }))
  const appended = keeper.appending(at(11), () => promise)
  await pass(100)
  resolve()
  await simulation.complete(() => appended)
  await pass(WITNESS_WITHIN_MS)
  expect(writesCount).toBe(0)

  await simulation.complete(() => answer(12, { toClient: true }))
  void keeper.appending(at(12), () => new Promise(() => {}))
  await pass(WITNESS_WITHIN_MS)
  expect(identity.writtenEpoch!.sequence).toBe(12)
})

it('writes what it has merely heard once a second at most, and at once when a client is told', async () => {
  for (let sequence = 11; sequence < 111; sequence += 1) {
    await simulation.complete(() => answer(sequence, { toClient: false }))
    await pass(100)
  }
  expect(writesCount / 2).toBeGreaterThanOrEqual(5)
  expect(writesCount / 2).toBeLessThanOrEqual(10)
  await pass(HEARD_WITHIN_MS)
  expect(identity.writtenEpoch!.sequence).toBe(110)
  await simulation.complete(() => answer(111, { toClient: false }))
  await simulation.complete(() => answer(112, { toClient: true }))
  await pass(WITNESS_WITHIN_MS)
  expect(identity.writtenEpoch!.sequence).toBe(112)
})

it('is in no hurry with what it hears after all that clients were told is on the disk', async () => {
  await simulation.complete(() => answer(11, { toClient: true }))
  await synced(at(11))
  await simulation.complete(() => answer(11, { toClient: true }))
  await pass(HEARD_WITHIN_MS)
  await simulation.complete(() => answer(12, { toClient: false }))
  await pass(WITNESS_WITHIN_MS)
  expect(identity.writtenEpoch!.sequence).toBe(10)
  await pass(HEARD_WITHIN_MS)
  expect(identity.writtenEpoch!.sequence).toBe(12)
})

it('tries again if the disk did not take it', async () => {
  node.disk.faultHook = ({ kind }) => (kind === 'append' ? { kind: 'error', error: 'full' } : null)
  await simulation.complete(() => answer(11, { toClient: true }))
  await pass(1000)
  expect(identity.writtenEpoch!.sequence).toBe(10)
  node.disk.faultHook = null
  await pass(HEARD_WITHIN_MS)
  expect(identity.writtenEpoch!.sequence).toBe(11)
})

it('does not let an older start overwrite what a record says of a newer one', async () => {
  const newer = { counter: 5, nonce: 'f'.repeat(16), sequence: 50 }
  await simulation.complete(() => identity.writeDownSeen(newer))
  await simulation.complete(() => answer(41, { toClient: true }))
  await pass(HEARD_WITHIN_MS)
  expect(identity.writtenEpoch).toEqual(newer)
  expect(identity.knownEpoch).toEqual(newer)
  expect(identity.isNewStart(newer), 'this server has yet to register with it').toBe(true)
})

const SALT = '0123456789abcdef'
const STATE: CopyState = {
  formatVersion: 1,
  order: {
    volume: 77,
    kind: 'small',
    salt: SALT,
    primary: { server: 1, incarnation: 1 },
    replicas: [{ replica: 5, server: 1, incarnation: 1 }],
  },
  replica: 5,
  state: 'open',
  sealedLengthBytes: null,
  verifiedToBytes: 0,
}

function record(offset: number, witness: Witness): Uint8Array {
  const place = { volume: 77, offset, server: 1, incarnation: 1, requestNumber: 1, start: 0, committedEnd: 0 }
  const content = sumContent([utf8('content')], crc32)
  const { pieces } = frameRecord({ ...place, path: '/a', witness }, content, { salt: fromHex(SALT), crc32 })
  return new Uint8Array(Buffer.concat(pieces))
}

it('is found by a start in what is read, and is kept before a copy counts as verified and is read no more', async () => {
  const first = record(0, at(50))
  const events: string[] = []
  const deps = {
    ...copyDeps(node.runtime),
    keepWitness: async (witness: Witness | null) => {
      events.push(`keep ${witness?.sequence}, verified to ${copy.state.verifiedToBytes}`)
    },
  }
  await simulation.complete(() => node.runtime.disk.makeDirectory(VOLUMES_DIRECTORY))
  let copy = await simulation.complete(() => VolumeCopy.create(deps, STATE))
  await simulation.complete(async () => {
    await copy.append(batchOf(0, [first]))
    await copy.append(batchOf(first.byteLength, [record(first.byteLength, at(60))]))
  })
  copy = await simulation.complete(() => VolumeCopy.recover(deps, copy.state))
  expect(copy.witness, 'open').toEqual(at(60))

  await simulation.complete(async () => {
    await copy.seal(first.byteLength)
    await finish(copy.verify())
  })
  expect(events).toEqual(['keep 50, verified to 0'])
  expect(copy.state.verifiedToBytes).toBe(first.byteLength)
  copy = await simulation.complete(() => VolumeCopy.recover(deps, copy.state))
  expect(copy.witness, 'behind the seal').toEqual(at(60))
})
