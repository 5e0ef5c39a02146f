/** A copy that the master counts is one like others, whatever its note says; one that is being made stays so. */
import { DfsError, type findCopies, makeId, type VolumeOrder } from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { isBeingCopied } from '@dfs/volume'
import { beforeEach, expect, it } from 'vitest'
import { VolumeStore } from '../../src/volume/volume-store.ts'
import { countedCopies, type CountedCopiesDeps } from '../../src/workers/counted-copies.ts'
import { storeDeps } from '../store-deps.ts'

const VOLUME = makeId(1, 77)
const REPLICA = 30
const ORDER: VolumeOrder = {
  volume: VOLUME,
  kind: 'large',
  salt: '0123456789abcdef',
  primary: { server: 1, incarnation: 1 },
  replicas: [{ replica: REPLICA, server: 1, incarnation: 1 }],
}
const UNHEARD_MS = 11_000

type Copies = ReturnType<(typeof findCopies)['decodeReply']>['copies']

let simulation: Simulation
let node: SimNode
let store: VolumeStore
let ordered: boolean
/** What the master counts; an error is its answer. */
let counted: Copies | Error
let asked: number

beforeEach(async () => {
  simulation = new Simulation('counted copies')
  node = simNode(new SimNetwork(simulation), 'node')
  ordered = false
  counted = [{ server: 1, replica: REPLICA, state: 'unverified' }]
  asked = 0
  store = await simulation.complete(() => VolumeStore.open(storeDeps(node.runtime)))
  const order = {
    kind: 'copy',
    volume: VOLUME,
    replica: REPLICA,
    order: ORDER,
    sealedLengthBytes: 10,
  } as const
  await simulation.complete(() => store.createToFill({ ...order, sources: [], priority: 1 }))
  store.takeChangedReports()
})

const session = {
  callCurrent: async () => {
    asked += 1
    if (counted instanceof Error) throw counted
    return { epoch: { counter: 1, nonce: '', sequence: 0 }, sealedLengthBytes: 10, copies: counted }
  },
} as unknown as CountedCopiesDeps['session']

/** Steps for a while, as the lane does. */
async function work(forMs: number): Promise<void> {
  const { clock, log } = node.runtime
  const worker = countedCopies({ clock, log, store, copyJobs: { has: () => ordered }, session })
  await simulation.complete(async () => {
    const untilMs = clock.monotonicMs() + forMs
    while (clock.monotonicMs() < untilMs) {
      const result = await worker.step(1, new AbortController().signal)
      await clock.sleep('idleMs' in result ? result.idleMs : 1)
    }
  })
}

const isMade = (): boolean => isBeingCopied(store.require(VOLUME).state)

it('is verified from then on, and the master hears of it', async () => {
  await work(UNHEARD_MS)
  expect(isMade()).toBe(false)
  expect(store.unverified()).toEqual([store.require(VOLUME)])
  expect(store.takeChangedReports()).toMatchObject([{ volume: VOLUME, verifiedToBytes: 0 }])
  await work(UNHEARD_MS)
  expect(asked, 'it is asked about no more').toBe(1)
})

it('is left to its order, also if that comes late', async () => {
  await work(5000)
  ordered = true
  await work(UNHEARD_MS)
  expect([asked, isMade()]).toEqual([0, true])
})

it.each([
  ['counts others only', [{ server: 2, replica: REPLICA + 1, state: 'inSync' }] satisfies Copies],
  ['does not know the volume', new DfsError('VOLUME_NOT_FOUND', 'volume')],
])('stays as it is if the master %s, who is asked again', async (_, answer) => {
  counted = answer
  await work(3 * UNHEARD_MS)
  expect(isMade()).toBe(true)
  expect(asked).toBeGreaterThan(1)
})

it('is one like others until the next start if the disk does not take the note', async () => {
  node.disk.faultHook = ({ kind }) => (kind === 'append' ? { kind: 'error', error: 'io' } : null)
  await work(UNHEARD_MS)
  expect([asked, isMade()]).toEqual([1, false])
  node.crash('process')
  node.restart()
  store = await simulation.complete(() => VolumeStore.open(storeDeps(node.runtime)))
  expect(isMade()).toBe(true)
})
