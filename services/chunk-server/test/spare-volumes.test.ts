/**
 * Volumes that are kept ready, one of each kind: one that is gone is made again, in whichever moment it goes; if none can
 * be made, whoever waits is told why, as late as it helps and no later.
 */
import { Deadlines, TransportError } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { clientHasLeft, DfsError, type ErrorCode, type FilePath, MIB, openContext } from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { sumContent } from '@dfs/volume'
import { beforeEach, describe, expect, it } from 'vitest'
import { type CommitChannel } from '../src/master/commit-channel.ts'
import { type OpenVolume } from '../src/replication/open-volume.ts'
import { SpareVolumes } from '../src/replication/spare-volumes.ts'
import { VolumePool } from '../src/replication/volume-pool.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'
import { RecordCommitter } from '../src/writing/record-committer.ts'

const MAKE_MS = 5
const DEADLINE_MS = 20_000
const NO_PEERS = new DfsError('COPY_ERROR', '1 servers can be reached, 2 are needed')
const AWAY = new DfsError('UNAVAILABLE', 'the master cannot be asked for a volume')
const FULL = new DfsError('INSUFFICIENT_SPACE', 'the disk of this server is full')

let simulation: Simulation
let node: SimNode
let spare: SpareVolumes
let closing: AbortController
/** What was made so far, in order. Only which one it is counts here. */
let volumes: OpenVolume[]
/** When an attempt to make one began. */
let attemptsMs: number[]
/** Why one that ends now cannot be made; null while volumes can be made. */
let trouble: Error | null

beforeEach(() => {
  simulation = new Simulation('spare volumes')
  node = simNode(new SimNetwork(simulation), 'node')
  closing = new AbortController()
  volumes = []
  attemptsMs = []
  trouble = null
  spare = keeping(1)
})

function keeping(spareVolumes: number): SpareVolumes {
  const { runtime } = node
  const tuning = { ...DEFAULT_TUNING, spareVolumes }
  let underWay = 0
  const allocate = async (): Promise<OpenVolume> => {
    underWay += 1
    expect(underWay, 'one is made at a time').toBe(1)
    attemptsMs.push(simulation.nowMs)
    await runtime.clock.sleep(MAKE_MS)
    underWay -= 1
    if (trouble !== null) throw trouble
    const volume = { number: volumes.length } as unknown as OpenVolume
    volumes.push(volume)
    return volume
  }
  return new SpareVolumes('small', { ...runtime, tuning, allocate, closed: closing.signal })
}

const pass = (ms: number): Promise<void> => simulation.run({ untilMs: simulation.nowMs + ms })

/** What a wait ends with, and after how many milliseconds. */
async function waited(leftMs = DEADLINE_MS): Promise<{ error: unknown; ms: number }> {
  const fromMs = simulation.nowMs
  const waiting = spare.wait(node.runtime.clock.monotonicMs() + leftMs)
  const error = await simulation.complete(() => waiting.catch((reason: unknown) => reason))
  return { error, ms: simulation.nowMs - fromMs }
}

describe('a volume that is ready', () => {
  it('is made before it is needed, so that who takes it waits for nothing, and the next one is begun at once', async () => {
    spare = keeping(2)
    expect(spare.take(), 'there is none yet').toBeUndefined()
    await simulation.run()
    expect(spare.all).toEqual(volumes.slice(0, 2))
    expect([spare.take(), spare.take(), spare.take()]).toEqual([...volumes.slice(0, 2), undefined])
    expect(attemptsMs.at(-1)).toBe(simulation.nowMs)
    await simulation.run()
    expect(spare.all).toEqual(volumes.slice(2))
  })

  it('is made for whoever takes a volume as soon as there is one', async () => {
    await simulation.complete(async () => {
      await spare.wait(Infinity)
      expect(spare.take()).toBe(volumes[0])
    })
    await simulation.run()
    expect(spare.all).toEqual([volumes[1]])
  })

  it('is made when all go at once, more than are usually kept', async () => {
    spare.fill()
    await simulation.run()
    const first = spare.take()!
    await simulation.run()
    spare.giveBack(first)
    const both = [...spare.all]
    expect(both).toHaveLength(2)
    // As when the volumes of a start with few servers are replaced together.
    for (const volume of both) spare.remove(volume)
    await simulation.run()
    expect(spare.all).toEqual([volumes[2]])
  })

  it('that was given back is for whoever waits, while another one cannot be made', async () => {
    spare.fill()
    await simulation.run()
    const volume = spare.take()!
    trouble = NO_PEERS
    simulation.schedule(1000, 'give back', () => spare.giveBack(volume))
    expect(await waited()).toEqual({ error: undefined, ms: 1000 })
    expect(spare.take()).toBe(volume)
  })
})

describe('if none can be made', () => {
  it('another attempt follows at once, and further ones after pauses that grow to a second; the first few times are no news', async () => {
    trouble = NO_PEERS
    spare.fill()
    await pass(60_000)
    const pausesMs = attemptsMs.slice(1).map((atMs, index) => atMs - attemptsMs[index]! - MAKE_MS)
    expect(pausesMs[0]).toBe(0)
    for (const [index, pauseMs] of pausesMs.entries())
      expect(pauseMs).toBeLessThanOrEqual(Math.min(1000, 50 * 2 ** (index - 1)) + 1)
    // On average half a second.
    expect(pausesMs.length).toBeGreaterThan(80)
    expect(pausesMs.length).toBeLessThan(180)
    const levels = node.log.lines.map(({ level }) => level)
    expect(levels.slice(0, 6)).toEqual([...Array.from({ length: 5 }, () => 'debug'), 'warn'])
    expect(spare.whyNone).toBe(NO_PEERS)
    trouble = null
    await pass(2000)
    expect(spare.whyNone).toBeNull()
    expect(spare.all).toEqual(volumes)
  })

  it.each<[string, Error, ErrorCode, number]>([
    ['too few servers can be reached: others may come back', NO_PEERS, 'COPY_ERROR', 5000],
    ['the disks are full: they do not empty themselves', FULL, 'INSUFFICIENT_SPACE', 500],
    ['the master is away: it restarts', AWAY, 'UNAVAILABLE', DEADLINE_MS],
    ['a peer does not answer', new TransportError('broken', { wasSent: true }), 'COPY_ERROR', 5000],
    ['it is told no reason of the catalogue', new DfsError('UNKNOWN_SERVER', 'who?'), 'COPY_ERROR', 5000],
  ])('who waits is told so in time, if %s', async (_why, error, code, ms) => {
    trouble = error
    const outcome = await waited()
    expect(outcome.error).toMatchObject({ code, message: expect.stringContaining(error.message) as string })
    expect(outcome.ms).toBe(ms)
  })

  it('who waits goes on as soon as one can be made, and the time without a master does not count', async () => {
    trouble = AWAY
    simulation.schedule(12_000, 'the master is back, and finds nobody', () => (trouble = NO_PEERS))
    simulation.schedule(14_500, 'the others are back', () => (trouble = null))
    const { error, ms } = await waited()
    expect(error).toBeUndefined()
    expect(ms).toBeGreaterThan(14_500)
    expect(ms).toBeLessThanOrEqual(15_501 + MAKE_MS)
  })

  it('nobody waits longer than the request has time', async () => {
    trouble = AWAY
    expect(await waited(1234)).toMatchObject({ error: { code: 'UNAVAILABLE' }, ms: 1234 })
    trouble = NO_PEERS
    await pass(1000)
    expect(await waited(300)).toMatchObject({ error: NO_PEERS, ms: 300 })
  })
})

it('volumes that end before they take a record are made as slowly as those that cannot be made, until one is good', async () => {
  spare.fill()
  await simulation.run()
  for (let count = 0; count < 100; count += 1) {
    await simulation.run()
    spare.noteUse(false)
    spare.take()
  }
  await simulation.run()
  expect(simulation.nowMs, 'a hundred of them').toBeGreaterThan(30_000)
  spare.noteUse(true)
  const fromMs = simulation.nowMs
  spare.take()
  await simulation.run()
  expect(simulation.nowMs - fromMs).toBe(MAKE_MS)
})

it('when the server stops, none is made any more, not even after the pause that was begun, and nobody waits', async () => {
  trouble = NO_PEERS
  spare.fill()
  await pass(10_000)
  const attempts = attemptsMs.length
  closing.abort(new Error('stopping'))
  expect(await waited()).toMatchObject({ error: { code: 'UNAVAILABLE' }, ms: 0 })
  spare.take()
  await simulation.run()
  // One may have been under way.
  expect(attemptsMs.length).toBeLessThanOrEqual(attempts)
})

it('a write whose client leaves while it waits is over in that moment, and waits for nothing if it has left before', async () => {
  const { runtime } = node
  const { clock } = runtime
  const allocate = async (): Promise<never> => {
    throw AWAY
  }
  const tuning = DEFAULT_TUNING
  const seal = async (): Promise<void> => {}
  const pool = new VolumePool({ ...runtime, tuning, volumeSizeBytes: () => MIB, allocate, seal })
  const commits = { reserve: () => 1, release: () => {} } as unknown as CommitChannel
  const records = new RecordCommitter({ clock, deadlines: new Deadlines(clock), pool, commits })
  const client = new AbortController()
  const store = async (): Promise<{ error: unknown; ms: number }> => {
    const fromMs = simulation.nowMs
    const context = openContext(clock, 'left', client.signal)
    const target = { kind: 'small', user: {}, path: '/f', start: 0, context } as const
    const storing = records.store(target, sumContent([], crc32), () => ({
      kind: 'makeDirectory',
      path: '/d' as FilePath,
    }))
    const error = await simulation.complete(() => storing.catch((reason: unknown) => reason))
    return { error, ms: simulation.nowMs - fromMs }
  }
  simulation.schedule(3210, 'the client leaves', () => client.abort())
  expect(await store()).toMatchObject({ error: clientHasLeft(), ms: 3210 })
  expect(await store()).toMatchObject({ error: clientHasLeft(), ms: 0 })
  await pool.close()
})
