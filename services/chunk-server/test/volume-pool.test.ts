/**
 * Which volume a record goes to, and what becomes of volumes: content survives the end of any volume unnoticed, and each volume
 * that is left is sealed, once.
 */
import { type Clock, InvariantError, QueueFullError } from '@dfs/core'
import { DfsError, type VolumeKind } from '@dfs/protocol'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { type SummedContent } from '@dfs/volume'
import { beforeEach, describe, expect, it } from 'vitest'
import { type OpenVolume } from '../src/replication/open-volume.ts'
import { type AppendedRecord, VolumePool, type VolumeUser } from '../src/replication/volume-pool.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'
import { APPEND_MS, FakeVolume, RECORD_BYTES } from './fake-volume.ts'

const VOLUME_BYTES = 10 * RECORD_BYTES
const ORIGIN = { requestNumber: 1, start: 0, path: '/f' }
const CONTENT = {} as SummedContent

let simulation: Simulation
let clock: Clock
let pool: VolumePool
/** Every volume that was made, in order. */
let made: FakeVolume[]
/** Copies of the volumes that are made now. */
let copies: number
let whyNoVolume: DfsError | null
let areNewOnesBroken: boolean
/** What the master says of the size of a new volume. */
let sizeBytes: number | undefined
/** What the master was asked to seal, in order. */
let sealed: { volume: FakeVolume; reason: string }[]
/** How long the master takes for it. */
let sealMs: number

beforeEach(() => {
  simulation = new Simulation('volume pool')
  const { runtime } = simNode(new SimNetwork(simulation), 'node')
  clock = runtime.clock
  made = []
  copies = 3
  whyNoVolume = null
  areNewOnesBroken = false
  sizeBytes = undefined
  sealed = []
  sealMs = 10
  pool = new VolumePool({
    ...runtime,
    tuning: DEFAULT_TUNING,
    volumeSizeBytes: () => VOLUME_BYTES,
    allocate: async (kind) => {
      await clock.sleep(5)
      if (whyNoVolume !== null) throw whyNoVolume
      const volume = new FakeVolume(kind, {
        clock,
        volume: made.length + 1,
        replicas: copies,
        breaks: areNewOnesBroken,
        sizeBytes,
      })
      made.push(volume)
      return volume as unknown as OpenVolume
    },
    seal: async ({ volume }, reason) => {
      const its = made[volume - 1]!
      sealed.push({ volume: its, reason })
      its.atSeal = { hasEnded: its.hasEnded, open: its.open }
      await clock.sleep(sealMs)
    },
  })
})

const pass = (ms: number): Promise<void> => simulation.run({ untilMs: simulation.nowMs + ms })
const reasonOf = (volume: FakeVolume): string | undefined =>
  sealed.find((one) => one.volume === volume)?.reason
const volumeOf = ({ placement }: AppendedRecord): FakeVolume => made[placement.volume - 1]!

/** A run with these volumes ready. */
async function prepared(): Promise<void> {
  pool.prepare()
  await simulation.run()
}

const append = (user: VolumeUser, kind: VolumeKind = 'small', leftMs = 20_000): Promise<AppendedRecord> =>
  pool.append({ kind, user, deadlineMs: clock.monotonicMs() + leftMs }, ORIGIN, CONTENT)

const appended = (user: VolumeUser, kind: VolumeKind = 'small'): Promise<AppendedRecord> =>
  simulation.complete(() => append(user, kind))

describe('the volume that a record goes to', () => {
  it('is the same for all records of one user as long as that can be, and nobody else writes there', async () => {
    const [all, upload, other] = [{}, {}, {}]
    const records: AppendedRecord[] = []
    for (let count = 0; count < 3; count += 1) {
      for (const user of [upload, other]) records.push(await appended(user, 'large'))
      records.push(await appended(all))
    }
    const volumes = records.map(volumeOf)
    expect(new Set(volumes).size).toBe(3)
    for (const [index, volume] of volumes.entries()) expect(volume).toBe(volumes[index % 3])
    expect(volumes.slice(0, 3).map(({ kind }) => kind)).toEqual(['large', 'large', 'small'])
  })

  it('is ready before the first write, of either kind', async () => {
    await prepared()
    expect(made.map(({ kind }) => kind).toSorted()).toEqual(['large', 'small'])
    const fromMs = simulation.nowMs
    await appended({})
    expect(simulation.nowMs - fromMs).toBe(APPEND_MS)
  })

  it('is free for the next user once its user appends no more', async () => {
    const [first, second] = [{}, {}]
    const record = await appended(first, 'large')
    pool.release('large', first)
    pool.release('large', first)
    await simulation.run()
    const users = new Set([volumeOf(await appended(second, 'large')), volumeOf(await appended({}, 'large'))])
    expect(users).toEqual(new Set([volumeOf(record), made[1]]))
    expect(sealed).toEqual([])
  })
})

describe('a volume that ends while records wait in it', () => {
  it('is unnoticed but for the time: each is appended to the next one, and the volume is sealed once', async () => {
    await prepared()
    const user = {}
    const first = await appended(user)
    const volume = volumeOf(first)
    volume.breaks = true
    const records = await simulation.complete(() => Promise.all([append(user), append(user), append(user)]))
    expect(new Set(records.map(volumeOf)).size).toBe(1)
    expect(volumeOf(records[0]!)).not.toBe(volume)
    expect(records.map(({ placement }) => placement.offset)).toEqual([0, 100, 200])
    await pass(1000)
    expect(sealed).toEqual([{ volume, reason: 'a replica did not sync a batch' }])
    first.conclude(true)
    await pass(1000)
    expect(sealed).toHaveLength(1)
  })

  it('keeps nobody waiting for its seal', async () => {
    await prepared()
    sealMs = 60_000
    const user = {}
    volumeOf(await appended(user)).breaks = true
    const fromMs = simulation.nowMs
    await appended(user)
    expect(simulation.nowMs - fromMs).toBeLessThan(10)
  })

  it('is a failure if one after the other ends until the deadline', async () => {
    areNewOnesBroken = true
    const fromMs = simulation.nowMs
    await expect(simulation.complete(() => append({}, 'small', 3000))).rejects.toMatchObject({
      code: 'COPY_ERROR',
    })
    expect(simulation.nowMs - fromMs).toBe(3000)
    // In haste they would be made without end.
    expect(made.length).toBeGreaterThan(4)
    expect(made.length).toBeLessThan(20)
  })

  it('is not given up for a record that it has no room to let wait', async () => {
    await prepared()
    const user = {}
    const first = await appended(user)
    const volume = volumeOf(first)
    volume.isFullOfWaiting = true
    await expect(append(user)).rejects.toBeInstanceOf(QueueFullError)
    volume.isFullOfWaiting = false
    for (let count = 1; count < 10; count += 1) (await appended(user)).conclude(true)
    expect([volume.length, sealed]).toEqual([VOLUME_BYTES, []])
    first.conclude(true)
    expect(sealed, 'nothing of the refused one is left').toEqual([{ volume, reason: 'it is full' }])
  })
})

describe('a full volume', () => {
  it.each([
    [3 * RECORD_BYTES, 3],
    [20 * RECORD_BYTES, 10],
  ])('of %i bytes by its order has %i records: the smaller size counts', async (ordered, records) => {
    sizeBytes = ordered
    const user = {}
    const taken: AppendedRecord[] = []
    while (taken.length <= records) taken.push(await appended(user))
    const volumes = taken.map(volumeOf)
    expect(volumes.indexOf(volumes.at(-1)!)).toBe(records)
  })

  it('takes no more records, and is sealed when what became of its last one is known, not before', async () => {
    const user = {}
    const records: AppendedRecord[] = []
    for (let count = 0; count < 11; count += 1) records.push(await appended(user))
    const [last, full] = [records[10]!, volumeOf(records[0]!)]
    expect(records.slice(0, 10).map(volumeOf)).toEqual(Array.from({ length: 10 }, () => full))
    expect(volumeOf(last)).not.toBe(full)
    await pass(1000)
    for (const [index, record] of records.slice(0, 10).entries()) {
      expect([sealed, full.hasEnded]).toEqual([[], false])
      record.conclude(index % 2 === 0)
    }
    await pass(1000)
    expect(sealed).toEqual([{ volume: full, reason: 'it is full' }])
  })
})

describe('what the master says of a record', () => {
  it('moves the committed end of its volume if it is committed, and only then', async () => {
    const user = {}
    const [first, second] = [await appended(user), await appended(user)]
    first.conclude(true)
    second.conclude(false)
    expect(volumeOf(first).committedEnd).toBe(RECORD_BYTES)
    expect(sealed).toEqual([])
  })

  it('ends its volume if the master takes no commit for that, and the next record goes elsewhere', async () => {
    const user = {}
    const [first, second] = [await appended(user), await appended(user)]
    first.refuse('the volume is sealed')
    second.refuse('the volume is sealed')
    expect(volumeOf(await appended(user))).not.toBe(volumeOf(first))
    expect(sealed).toEqual([{ volume: volumeOf(first), reason: 'the volume is sealed' }])
  })

  it('is said once: a second word would let a volume be sealed under a record that is still open', async () => {
    const record = await appended({})
    record.conclude(true)
    expect(() => record.conclude(false)).toThrow(InvariantError)
    expect(() => record.refuse('late')).toThrow(InvariantError)
  })
})

it('a volume that the master has sealed is replaced before the next write needs it, and nothing else is', async () => {
  await prepared()
  const user = {}
  const volume = volumeOf(await appended(user))
  await simulation.run()
  const [count, spare] = [made.length, made.findLast(({ kind }) => kind === 'small')!]
  pool.noteSealed(4711)
  expect([pool.isWriting(spare.order.volume), pool.isWriting(4711)]).toEqual([true, false])
  pool.noteSealed(spare.order.volume)
  expect(pool.isWriting(spare.order.volume)).toBe(false)
  pool.noteSealed(spare.order.volume)
  await simulation.run()
  expect(made).toHaveLength(count + 1)
  expect(sealed).toEqual([{ volume: spare, reason: 'the master has sealed it' }])
  expect(volumeOf(await appended(user))).toBe(volume)
})

describe('volumes with too few copies', () => {
  it('are replaced when more are possible, once their records are settled; those with enough stay', async () => {
    copies = 2
    const user = {}
    const record = await appended(user)
    await simulation.run()
    pool.prepare()
    await simulation.run()
    const short = [...made]
    copies = 3
    expect(pool.copiesNow).toBe(2)
    pool.renew(3)
    await simulation.run()
    expect(pool.copiesNow).toBe(3)
    expect(sealed.map(({ volume }) => volume)).toEqual(short.filter((volume) => volume !== volumeOf(record)))
    record.conclude(true)
    expect(reasonOf(volumeOf(record))).toBeDefined()
    const count = made.length
    pool.renew(3)
    await simulation.run()
    expect([made.length, sealed.length]).toEqual([count, short.length])
  })

  it('are replaced once a minute on average, a few times at once; and as often as is asked while the server starts', async () => {
    const timesOf = async (isStarting: boolean): Promise<number> => {
      let times = 0
      await prepared()
      for (const endMs = simulation.nowMs + 600_000; simulation.nowMs < endMs;) {
        const before = sealed.length
        pool.renew(9, isStarting)
        if (sealed.length > before) times += 1
        await pass(1000)
      }
      return times
    }
    const times = await timesOf(false)
    expect(times).toBeGreaterThanOrEqual(10)
    expect(times).toBeLessThanOrEqual(13)
    expect(await timesOf(true)).toBeGreaterThan(500)
  })
})

it('says how many copies the next write of any kind gets, and why there is no volume if there is none', async () => {
  expect([pool.copiesNow, pool.whyNone]).toEqual([0, null])
  whyNoVolume = new DfsError('INSUFFICIENT_SPACE', 'the disk is full')
  pool.prepare()
  await pass(100)
  expect([pool.copiesNow, pool.whyNone]).toEqual([0, whyNoVolume])
  whyNoVolume = null
  await pass(5000)
  expect([pool.copiesNow, pool.whyNone]).toEqual([3, null])
  whyNoVolume = new DfsError('COPY_ERROR', 'too few servers')
  await appended({}, 'large')
  await pass(100)
  expect([pool.copiesNow, pool.whyNone], 'of each kind there is one').toEqual([3, null])
})

it('when the server stops, the seals that are under way are waited for, and no volume is made any more', async () => {
  await prepared()
  const user = {}
  const record = await appended(user)
  await simulation.run()
  sealMs = 5000
  record.refuse('the volume is sealed')
  const [fromMs, count] = [simulation.nowMs, made.length]
  await simulation.complete(() => pool.close())
  expect(simulation.nowMs - fromMs).toBe(5000)
  // The one that was ready is still there.
  await appended(user)
  await expect(simulation.complete(() => append({}))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(made).toHaveLength(count)
})

it('whatever happens, each record stands in one volume, each volume that is left is sealed once, and none for being full too early', async () => {
  const { random } = simulation
  const settleLater = async (record: AppendedRecord): Promise<void> => {
    const volume = volumeOf(record)
    volume.open += 1
    await clock.sleep(random.int(30))
    volume.open -= 1
    if (random.chance(0.02)) record.refuse('the volume is sealed')
    else record.conclude(random.chance(0.9))
  }
  const places = new Set<string>()
  let records = 0
  const write = async (kind: VolumeKind, user: VolumeUser): Promise<void> => {
    const record = await append(user, kind)
    const { volume, offset } = record.placement
    places.add(`${volume} ${offset}`)
    records += 1
    await settleLater(record)
  }
  const isOver = new AbortController()
  const troubles = async (): Promise<void> => {
    while (!isOver.signal.aborted) {
      await clock.sleep(random.int(50))
      const volume = made[random.int(made.length || 1)]
      if (volume !== undefined && random.chance(0.3)) volume.breaks = true
      else if (volume !== undefined && random.chance(0.2)) pool.noteSealed(volume.order.volume)
      copies = 2 + random.int(2)
      pool.renew(copies)
    }
  }
  const all = {}
  const small = async (): Promise<void> => {
    for (let count = 0; count < 40; count += 1) await write('small', all)
  }
  const large = async (): Promise<void> => {
    for (let uploads = 0; uploads < 5; uploads += 1) {
      const upload = {}
      await Promise.all(Array.from({ length: 12 }, () => write('large', upload)))
      pool.release('large', upload)
    }
  }
  await simulation.complete(async () => {
    void troubles()
    await Promise.all([small(), small(), small(), large(), large()])
    isOver.abort()
  })
  await simulation.run()
  expect([records, places.size]).toEqual([240, 240])
  const seals = sealed.map(({ volume }) => volume)
  expect(new Set(seals).size).toBe(seals.length)
  expect(made.filter(({ hasEnded }) => hasEnded).length).toBe(seals.length)
  expect(seals.length).toBeGreaterThan(20)
  expect(seals.filter(({ atSeal }) => !atSeal!.hasEnded)).toEqual([])
  const full = sealed.filter(({ reason }) => reason === 'it is full')
  expect(full.length).toBeGreaterThan(5)
  expect(full.filter(({ volume }) => volume.atSeal!.open > 0)).toEqual([])
  // Nothing has become of the others: they are there for the next writes.
  const left = made.filter((volume) => !seals.includes(volume))
  pool.renew(9, true)
  expect(new Set(sealed.map(({ volume }) => volume))).toEqual(new Set([...seals, ...left]))
})
