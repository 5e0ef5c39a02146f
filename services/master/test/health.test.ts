/** The health of a cluster as its master tells it: what servers reported, and what became of them since. */
import { type Clock } from '@dfs/core'
import { ManualClock, seededRandom } from '@dfs/core/testing'
import {
  explainFile,
  type HealthView,
  listWeakFiles,
  type ReplicaReport,
  viewHealth,
  type VolumeOrder,
} from '@dfs/protocol'
import { expect, it } from 'vitest'
import { type CopyView, type Tally } from '../src/metadata/copy-store.ts'
import { openMemoryStore } from '../src/metadata/sqlite/open-store.ts'
import { ClusterHealth, type ClusterHealthDeps } from '../src/servers/cluster-health.ts'
import { type CopiesFacts } from '../src/domain/shipping/copies-facts.ts'
import { DEFAULT_SETTINGS } from '../src/settings.ts'
import { watchHealth } from '../src/workers/watch-health.ts'
import { MasterBench } from './fixture/master-bench.ts'
import { makeWorld } from './fixture/world.ts'

const look = (bench: MasterBench): Promise<HealthView> => bench.call(viewHealth, {})

const codes = ({ reasons }: HealthView): string[] => reasons.map(({ code }) => code)

/** Three servers, and a file in a volume on all of them. */
async function withFile(bench: MasterBench): Promise<{ ids: number[]; volume: VolumeOrder }> {
  const ids = await bench.registerAll(3)
  const [volume] = await bench.allocate(ids[0]!)
  expect(await bench.write(ids[0]!, 1, volume!)).toBe('ok')
  return { ids, volume: volume! }
}

/** Server 0 holds its copy open, and the others theirs. */
const openCopy = ({ volume, replicas }: VolumeOrder, server: number): ReplicaReport => ({
  volume,
  replica: replicas.find((each) => each.server === server)!.replica,
  state: 'open',
  lengthBytes: 200,
  sealedLengthBytes: null,
  verifiedToBytes: 0,
})

it('is well while every server is there, and says what is short when one is gone', async () => {
  const bench = await MasterBench.start()
  const { ids } = await withFile(bench)
  expect(await look(bench)).toMatchObject({
    state: 'healthy',
    reasons: [],
    counts: { wanted: 3, isEstimate: false, byCopies: [{ copies: 3, volumes: 1, files: 1, bytes: 100 }] },
  })
  await bench.pass(5000, ids[0]!, ids[1]!)
  expect(codes(await look(bench))).toEqual(['server-silent', 'too-few-servers'])
  await bench.pass(20_000, ids[0]!, ids[1]!)
  const gone = await look(bench)
  expect([gone.state, codes(gone)]).toEqual([
    'degraded',
    ['files-short', 'server-gone', 'too-few-servers', 'metadata-copies-few'],
  ])
  expect(gone.reasons[0]).toMatchObject({ count: 1, bytes: 100, copies: 2, servers: ['chunk-2'] })
  expect(gone.reasons[1]!.sinceMs).toBe(bench.world.clock.wallMs() - 25_000)
  await bench.master.stop()
})

it('names files that have no copy left, explains them, and lists them', async () => {
  const bench = await MasterBench.start()
  await withFile(bench)
  // Empty disks in the place of all three.
  await bench.world.clock.advance(30_000)
  const replaced = await Promise.all(
    [0, 1, 2].map((index) => bench.register(index, { diskUid: `${index + 7}`.padStart(32, 'f') })),
  )
  await bench.pass(1000, ...replaced.map(({ serverId }) => serverId))
  const { state, reasons, counts } = await look(bench)
  expect(state).toBe('unavailable')
  expect(reasons.slice(1).map(({ code }) => code)).toEqual(['metadata-fenced', 'metadata-copies-few'])
  expect(reasons.slice(0, 1).map(({ code, text }) => `${code}: ${text}`)).toEqual([
    'files-lost: 1 file (100 B) has no good copy: an earlier disk of chunk-0 is gone, an earlier disk of chunk-1 is gone and an earlier disk of chunk-2 is gone',
  ])
  expect(counts?.byCopies).toEqual([{ copies: 0, volumes: 1, files: 1, bytes: 100 }])
  const explanation = await bench.call(explainFile, { path: '/f', fromByte: 0 })
  expect(explanation).toMatchObject({ condition: 'lost', good: 0, promised: 3 })
  expect(explanation.parts[0]!.copies.map(({ condition }) => condition)).toEqual(Array(3).fill('server-gone'))
  const lost = await bench.call(listWeakFiles, { state: 'lost', after: null, filesMax: 10 })
  expect(lost).toMatchObject({ files: [{ path: '/f', condition: 'lost' }], total: 1, next: null })
  await bench.master.stop()
})

it('says of a file with damaged copies only that it can be read but for what is wrong in all of them', async () => {
  const bench = await MasterBench.start()
  const { ids, volume } = await withFile(bench)
  for (const id of ids) {
    const failed = { ...openCopy(volume, id), state: 'failed' } as const
    await bench.heartbeat(id, { replicas: [failed] })
  }
  expect(await bench.call(explainFile, { path: '/f', fromByte: 0 })).toMatchObject({
    condition: 'damaged',
    says: expect.stringMatching(/^Some part has damaged copies only: it can be read unless /) as string,
  })
  await bench.pass(30_000)
  expect(await bench.call(explainFile, { path: '/f', fromByte: 0 })).toMatchObject({
    says: 'It cannot be read: some part has no good copy.',
  })
  await bench.master.stop()
})

it('knows nothing after a start of the master, and is sure again when all have registered', async () => {
  const world = makeWorld()
  const store = openMemoryStore(seededRandom(1))
  const first = await MasterBench.start(store, world)
  const { ids, volume } = await withFile(first)
  // The process of the first one ends without a word: its world stands still.
  const second = await MasterBench.start(store.reopen(seededRandom(2)), makeWorld())
  const before = await look(second)
  expect([before.state, codes(before)]).toEqual([
    'unknown',
    ['files-not-seen', 'server-not-heard', 'too-few-servers'],
  ])
  expect(before.counts).toMatchObject({ isEstimate: true, byCopies: [{ copies: 0, files: 1 }] })
  for (const [index, id] of ids.entries()) {
    await second.register(index, { replicas: [openCopy(volume, id)], seenEpoch: null })
  }
  expect(await look(second)).toMatchObject({ state: 'healthy', counts: { isEstimate: false } })
  await second.master.stop()
})

/** A count that waits for the test. */
class Store {
  begun = 0
  readonly #results: PromiseWithResolvers<Tally>[] = []

  tally(_view: CopyView) {
    this.begun += 1
    const result = Promise.withResolvers<Tally>()
    this.#results.push(result)
    return { step: async () => await result.promise }
  }

  finish(at: number): void {
    this.#results[at]!.resolve({ wanted: 3, cells: [], verifying: new Map(), damaged: new Map() })
  }
}

const NO_COPIES: CopiesFacts = {
  holders: [],
  fewForMs: 0,
  ageMs: null,
  bytesBehind: 0,
  fenced: null,
  bytesSent: 0,
  snapshots: 0,
}

const healthOver = (store: Store, clock: Clock): ClusterHealth =>
  new ClusterHealth({
    clock,
    store: { tally: (view: CopyView) => store.tally(view), kept: [], recovering: { view: () => null } },
    sessions: { seen: () => [], attendance: { hasMajority: true, hasEveryone: true, silent: [] } },
    settings: DEFAULT_SETTINGS,
    space: { isFull: false },
    backup: { reason: null },
    copies: { facts: () => NO_COPIES },
    repairStatus: { facts: async () => ({ copies: 0, bytesLeft: 0, bytesPerSecond: 0, waiting: [] }) },
  } as unknown as ClusterHealthDeps)

it('counts after it was asked: who asks while a count is under way gets the next one, with all who do', async () => {
  const [clock, store] = [new ManualClock(), new Store()]
  const health = healthOver(store, clock)
  const first = health.look()
  await clock.turn()
  const others = [health.look(), health.look()]
  let areAnswered = false
  void Promise.all(others).then(() => (areAnswered = true))
  store.finish(0)
  await first
  for (let turn = 0; turn < 5; turn += 1) await clock.turn()
  expect([areAnswered, store.begun]).toEqual([false, 2])
  store.finish(1)
  await Promise.all(others)
  expect(store.begun).toBe(2)
})

it('is looked at all the time, in a fiftieth of the time at most, and changes are logged once', async () => {
  const world = makeWorld()
  const views = [view('healthy'), view('degraded'), view('degraded'), view('healthy')]
  const health = {
    look: async () => {
      await world.clock.advance(100)
      return views.shift()!
    },
  }
  const worker = watchHealth({ runtime: world, health, everyMs: 1000 })
  for (const why of ['healthy', 'degraded', 'degraded', 'healthy']) {
    expect(await worker.step(1, new AbortController().signal)).toEqual({
      did: 1,
      idleMs: 5000,
      why: `the cluster is ${why}`,
    })
  }
  expect(world.log.lines.map(({ fields }) => fields['state'])).toEqual(['healthy', 'degraded', 'healthy'])
})

const view = (state: HealthView['state']): HealthView => ({ state, reasons: [], counts: null, atMs: 1 })

it('a look-up of the health needs no database that is obeyed', async () => {
  const bench = await MasterBench.start()
  await bench.registerAll(1)
  const seenEpoch = { counter: 99, nonce: '0123456789abcdef', sequence: 1 }
  await expect(bench.register(1, { seenEpoch })).rejects.toMatchObject({ code: 'STALE_EPOCH' })
  const refused = await look(bench)
  expect([refused.state, codes(refused)[0]]).toEqual(['unavailable', 'backup-refused'])
  await bench.master.stop()
})
