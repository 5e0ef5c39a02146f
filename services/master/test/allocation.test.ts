/** Volumes for a primary: the sets, spread over the servers, once for each request; and the seal that anybody may ask for. */
import { SpaceWatch } from '@dfs/core'
import { seededRandom } from '@dfs/core/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { openMemoryStore } from '../src/metadata/sqlite/open-store.ts'
import { Allocation, type AllocationRequest } from '../src/servers/allocation.ts'
import { type Presence } from '../src/servers/roll.ts'
import { Sessions } from '../src/servers/sessions.ts'
import { DEFAULT_SETTINGS } from '../src/settings.ts'
import { StoreBench } from './fixture/store-bench.ts'
import { makeWorld, type World } from './fixture/world.ts'

const SERVERS = 5
const PRESENCE: Presence = {
  freeBytes: 2 ** 40,
  totalBytes: 2 ** 41,
  isFull: false,
  unreachable: [],
  oldestDiskCallMs: 0,
  number: 1,
  damagedRanges: 0,
  repairedRecords: 0,
}
const SETTINGS = {
  ...DEFAULT_SETTINGS,
  cluster: { ...DEFAULT_SETTINGS.cluster, replicas: 3, minReplicas: 2 },
}

/** For each server the number of open volumes with a copy on it. */
const openCounts = async (): Promise<Map<number, number>> => {
  const loads = await bench.store.openVolumeLoads(SETTINGS.cluster.volumeSizeBytes)
  return new Map([...loads].map(([server, { openVolumes }]) => [server, openVolumes]))
}

let world: World
let bench: StoreBench
let sessions: Sessions
let space: SpaceWatch
let allocation: Allocation
let number = 0

beforeEach(async () => {
  world = makeWorld()
  bench = new StoreBench(openMemoryStore(seededRandom(1)))
  sessions = new Sessions(world.clock, SETTINGS, [])
  for (let index = 0; index < SERVERS; index += 1) {
    const { server } = await bench.register(index, 1)
    bench.servers[index] = { server, incarnation: 1 }
  }
  for (const record of await bench.store.servers()) sessions.begin(record, PRESENCE)
  const watched = { disk: world.disk, floorBytes: 1000, largestBytes: 1, againBytes: 1, reserveBytes: 1 }
  space = await SpaceWatch.open({ ...watched, onChange: () => {} })
  allocation = new Allocation({ runtime: world, store: bench.store, sessions, settings: SETTINGS, space })
})

/** Asks in the name of the first server, under a new number unless told otherwise. */
const allocate = (change: Partial<AllocationRequest> = {}): ReturnType<Allocation['allocate']> => {
  number += 1
  const { server, incarnation } = bench.servers[0]!
  return allocation.allocate({
    server,
    incarnation,
    kind: 'small',
    number,
    count: 1,
    unreachable: [],
    ...change,
  })
}

const idOf = (index: number): number => bench.servers[index]!.server
const codeOf = (change: Partial<AllocationRequest> = {}): Promise<unknown> =>
  allocate(change).then(
    () => 'granted',
    (error: { code?: string }) => error.code,
  )
const say = (index: number, presence: Partial<Presence>): boolean =>
  sessions.heartbeat(idOf(index), 1, { ...PRESENCE, number: 2, ...presence })

describe('volumes that are asked for', () => {
  it('have as many copies as the cluster is to keep, the first on the server that asks', async () => {
    const orders = await allocate({ count: 4, kind: 'large' })
    expect(orders).toHaveLength(4)
    for (const { primary, replicas, kind } of orders) {
      expect([primary, kind]).toEqual([bench.servers[0], 'large'])
      const servers = replicas.map(({ server }) => server)
      expect([servers[0], new Set(servers).size]).toEqual([idOf(0), 3])
    }
  })

  it('are spread within one request as if each had been asked for alone', async () => {
    await allocate({ count: 8 })
    const counts = await openCounts()
    // Sixteen further copies, on four servers.
    expect([1, 2, 3, 4].map((index) => counts.get(idOf(index)))).toEqual([4, 4, 4, 4])
    await allocate({ count: 2 })
    const later = await openCounts()
    expect([1, 2, 3, 4].map((index) => later.get(idOf(index)))).toEqual([5, 5, 5, 5])
  })

  it('have fewer copies if fewer servers can be had, as few as are allowed, and no fewer', async () => {
    const [, a, b, c] = bench.servers.map(({ server }) => server)
    const [order] = await allocate({ unreachable: [a!, b!, c!] })
    expect(order!.replicas.map(({ server }) => server)).toEqual([idOf(0), idOf(4)])
    say(4, { unreachable: [idOf(0)] })
    expect(await codeOf({ unreachable: [a!, b!, c!] })).toBe('COPY_ERROR')
  })

  it('have no copy on a server that is full, whose disk hangs, or that is silent', async () => {
    say(1, { isFull: true })
    say(2, { oldestDiskCallMs: SETTINGS.liveness.suspectAfterMs + 1 })
    await world.clock.advance(SETTINGS.liveness.suspectAfterMs + 100)
    for (const index of [0, 3]) say(index, { number: 3 })
    const [order] = await allocate()
    expect(order!.replicas.map(({ server }) => server)).toEqual([idOf(0), idOf(3)])
  })
})

describe('a request that comes again', () => {
  it('gets the volumes that it was granted, whatever has changed since: it makes no others', async () => {
    const request = { number: 500, count: 2 }
    const first = await allocate(request)
    await allocation.seal(first[0]!.volume, 'test')
    for (const index of [1, 2, 3, 4]) say(index, { isFull: true })
    world.disk.freeBytes = 0
    await space.look()
    expect(await allocate(request)).toEqual(first)
    expect(await bench.store.openVolumesOf(idOf(0))).toHaveLength(1)
    // That is the answer to no new one.
    expect(await codeOf({ number: 501 })).toBe('INSUFFICIENT_SPACE')
  })
})

describe('nothing is made', () => {
  it('for a server that is not in touch, or that has restarted since', async () => {
    expect(await codeOf({ server: 4711 })).toBe('UNKNOWN_SERVER')
    const [record] = await bench.store.servers()
    sessions.begin({ ...record!, incarnation: 2 }, PRESENCE)
    expect(await codeOf()).toBe('STALE_INCARNATION')
    expect(await codeOf({ incarnation: 3 })).toBe('UNKNOWN_SERVER')
    expect(await openCounts()).toEqual(new Map())
  })

  it('if a volume of the request has no set: all of it is refused', async () => {
    for (const index of [1, 2, 3, 4]) say(index, { freeBytes: 0 })
    expect(await codeOf({ count: 3 })).toBe('INSUFFICIENT_SPACE')
    expect(await openCounts()).toEqual(new Map())
  })

  it('while the disk of the master is full', async () => {
    world.disk.freeBytes = 500
    await space.look()
    expect(await codeOf()).toBe('INSUFFICIENT_SPACE')
    world.disk.freeBytes = 2 ** 40
    await space.look()
    expect(await codeOf()).toBe('granted')
  })
})

describe('a seal on request', () => {
  it('says the committed end, the same each time, is for the log with its reason, and lets nothing more be committed', async () => {
    const [order] = await allocate()
    const chunk = bench.chunk(order!, 10)
    expect(await bench.outcome(bench.write('/a', chunk))).toBe('ok')
    expect(await allocation.seal(order!.volume, 'a replica is late')).toBe(chunk.recordSize)
    expect(await allocation.seal(order!.volume, 'once more')).toBe(chunk.recordSize)
    const [line] = world.log.lines.filter(({ message }) => message === 'volume sealed on request')
    expect(line!.fields).toMatchObject({ reason: 'a replica is late', length: chunk.recordSize })
    expect(await bench.outcome(bench.write('/b', bench.chunk(order!, 10)))).toBe('VOLUME_SEALED')
  })

  it('is refused if there is no such volume', async () => {
    await expect(allocation.seal(4711, 'test')).rejects.toMatchObject({ code: 'VOLUME_NOT_FOUND' })
  })
})
