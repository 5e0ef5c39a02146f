/** Look-ups share calls to the master, see all that was committed before they were asked, and are asked again if an answer is lost. */
import { type Clock, Deadlines, QueueFullError, TransportError } from '@dfs/core'
import { DfsError, type FilePath, type LookupResult, REQUEST_DEADLINE_MS } from '@dfs/protocol'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { beforeEach, describe, expect, it } from 'vitest'
import { LookupChannel, type LookupChannelDeps } from '../src/master/lookup-channel.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'

const EPOCH = { counter: 1, nonce: '0123456789abcdef', sequence: 1 }
const PER_CALL_MAX = 4
const TIMEOUT_MS = 2000
/** More than a channel lets wait. */
const TOO_MANY = 20_000
const LOST = new TransportError('the connection broke', { wasSent: true })

let simulation: Simulation
let clock: Clock
let lookups: LookupChannel
/** The calls that the master was sent. */
let calls: { paths: string[]; timeoutMs: number; requestId: string; atMs: number }[]
/** How many changes the master has committed: an answer says how many of them it has seen. */
let committed: number
/** What happens to a call (from 1) after the master has looked; nothing, unless a test says otherwise. */
let onTheWay: (call: number) => Promise<void>

const answer: LookupChannelDeps['send'] = async (requests, options) => {
  const paths = requests.map((request) => ('path' in request ? request.path : ''))
  calls.push({ paths, ...options, atMs: clock.monotonicMs() })
  const version = committed
  const results = paths.map((target) => ({ kind: 'link', version, target, modifiedMs: 0 }) as const)
  await onTheWay(calls.length)
  return { epoch: EPOCH, results }
}

beforeEach(() => {
  simulation = new Simulation('look-up channel')
  const { runtime } = simNode(new SimNetwork(simulation), 'node')
  clock = runtime.clock
  calls = []
  committed = 0
  onTheWay = async () => {}
  lookups = new LookupChannel({
    clock,
    deadlines: new Deadlines(clock),
    random: runtime.random,
    tuning: { ...DEFAULT_TUNING, lookupsPerCallMax: PER_CALL_MAX, lookupTimeoutMs: TIMEOUT_MS },
    send: (requests, options) => answer(requests, options),
  })
})

/** Asks for a path, in a request that is called like it. */
const lookup = (path: string, leftMs = REQUEST_DEADLINE_MS): Promise<LookupResult> =>
  lookups.lookup(
    { by: 'path', path: path as FilePath, version: null, fromByte: 0, chunksMax: 1 },
    { requestId: path, deadlineMs: clock.monotonicMs() + leftMs },
  )

const lookupAll = (...paths: string[]): Promise<LookupResult[]> =>
  simulation.complete(() => Promise.all(paths.map((path) => lookup(path))))
const pass = (ms: number): Promise<void> => simulation.run({ untilMs: simulation.nowMs + ms })
const versionIn = (result: LookupResult): number => (result.kind === 'link' ? result.version : NaN)

describe('look-ups', () => {
  it('of one moment share a call, that is named after the first, and each gets its own answer', async () => {
    const results = await lookupAll('/a', '/b', '/c')
    expect(results).toMatchObject([{ target: '/a' }, { target: '/b' }, { target: '/c' }])
    expect(calls).toMatchObject([{ paths: ['/a', '/b', '/c'], requestId: '/a+2', timeoutMs: TIMEOUT_MS }])
  })

  it('are no more in one call than it may have, and leave in the order in which they were asked', async () => {
    const paths = Array.from({ length: 10 }, (_, index) => `/${index}`)
    await lookupAll(...paths)
    expect(calls.map((call) => call.paths.length)).toEqual([4, 4, 2])
    expect(calls.flatMap((call) => call.paths)).toEqual(paths)
  })

  it('have two calls under way at most: one that hangs keeps none waiting, two do, and what waits goes together', async () => {
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    onTheWay = async (call) => (call === 1 ? first.promise : call === 2 ? second.promise : undefined)
    const hanging = [lookup('/hangs')]
    await pass(1)
    hanging.push(lookup('/hangs too'))
    await pass(1)
    const waiting = [lookup('/waits')]
    await pass(1)
    waiting.push(lookup('/waits too'))
    await pass(1)
    expect(calls.map((call) => call.paths)).toEqual([['/hangs'], ['/hangs too']])
    second.resolve()
    await simulation.complete(() => Promise.all(waiting))
    expect(calls[2]!.paths).toEqual(['/waits', '/waits too'])
    first.resolve()
    await simulation.complete(() => Promise.all(hanging))
  })

  it('see all that was committed before they were asked, however long calls take and whichever are lost (R16)', async () => {
    const { random } = simulation
    onTheWay = async () => {
      await clock.sleep(random.int(30))
      if (random.chance(0.2)) throw LOST
    }
    const reader = async (name: string): Promise<void> => {
      for (let count = 0; count < 100; count += 1) {
        await clock.sleep(random.int(20))
        const before = committed
        expect(versionIn(await lookup(name))).toBeGreaterThanOrEqual(before)
      }
    }
    const writer = async (): Promise<void> => {
      for (; committed < 500; committed += 1) await clock.sleep(random.int(8))
    }
    // All ask for the same: an answer that is under way to another one may be too old.
    const readers = Array.from({ length: 8 }, () => reader('/same'))
    await simulation.complete(() => Promise.all([writer(), ...readers]))
    expect(calls.length).toBeGreaterThan(100)
  })
})

describe('a call without an answer', () => {
  it('is repeated after a pause, as often as it takes, and for no longer than the request has', async () => {
    onTheWay = async (call) => {
      if (call <= 8) throw LOST
    }
    expect(await lookupAll('/a')).toMatchObject([{ target: '/a' }])
    expect(calls).toHaveLength(9)
    const pausesMs = calls.slice(1).map(({ atMs }, index) => atMs - calls[index]!.atMs)
    for (const pauseMs of pausesMs) expect(pauseMs).toBeGreaterThan(0)
    expect(Math.max(...pausesMs)).toBeLessThanOrEqual(501)
  })

  it('is not waited for beyond the last deadline of those who asked', async () => {
    const [early, late] = [lookup('/early', 500), lookup('/late', 900)]
    expect(await simulation.complete(() => Promise.all([early, late]))).toHaveLength(2)
    expect(calls).toMatchObject([{ paths: ['/early', '/late'], timeoutMs: 900 }])
  })

  it('is not repeated if the master has refused it: its refusal is what everybody in it is told', async () => {
    const refusal = new DfsError('TOO_BUSY', 'too many look-ups')
    onTheWay = async (call) => {
      if (call === 1) throw refusal
    }
    const outcomes = await simulation.complete(() => Promise.allSettled([lookup('/a'), lookup('/b')]))
    expect(outcomes).toMatchObject([{ reason: refusal }, { reason: refusal }])
    expect(calls).toHaveLength(1)
    expect(await lookupAll('/later')).toMatchObject([{ target: '/later' }])
  })
})

it('too many look-ups are refused at once, unless the time of those that wait is over: they make room', async () => {
  onTheWay = () => clock.sleep(60_000)
  // Both calls are taken by two that hang.
  for (let count = 0; count < 2; count += 1) {
    void lookup('/hangs', 1_000_000)
    await pass(1)
  }
  const waiting: Promise<unknown>[] = []
  const wait = (): void => {
    waiting.push(lookup('/waits', 1000).catch((error: unknown) => error))
  }
  const waitTooMany = (): void => {
    while (waiting.length < TOO_MANY) wait()
  }
  expect(waitTooMany).toThrow(QueueFullError)
  await pass(1000)
  const outcomes = await simulation.complete(() => Promise.all(waiting))
  expect(new Set(outcomes.map((error) => (error as DfsError).code))).toEqual(new Set(['UNAVAILABLE']))
  expect(await simulation.complete(() => lookup('/later', 1_000_000))).toMatchObject({ target: '/later' })
  expect(calls.at(-1)!.paths, 'nobody waits for the others').toEqual(['/later'])
})
