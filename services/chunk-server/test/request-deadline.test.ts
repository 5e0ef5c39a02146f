/**
 * One client request, one deadline: whichever part of the way does not answer, and however much of the time was used before,
 * nobody is answered later. On virtual time, so the moments are exact.
 */
import { type Clock, Deadlines, TransportError } from '@dfs/core'
import {
  type CommandBody,
  type CommandResult,
  type CommitReply,
  type CommitRequest,
  continueContext,
  type FilePath,
  type Lookup,
  type LookupResult,
  openContext,
  REQUEST_DEADLINE_MS,
  type RequestContext,
} from '@dfs/protocol'
import { SimNetwork, simNode, Simulation, type SimRandom } from '@dfs/sim-runtime'
import { beforeEach, describe, expect, it } from 'vitest'
import { RecordCommitter } from '../src/writing/record-committer.ts'
import { CommitChannel } from '../src/master/commit-channel.ts'
import { LookupChannel } from '../src/master/lookup-channel.ts'
import { type MasterSession } from '../src/master/master-session.ts'
import { RemoteNamespace } from '../src/master/remote-namespace.ts'
import { type AppendedRecord, type VolumePool } from '../src/replication/volume-pool.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'

const EPOCH = { counter: 1, nonce: '0123456789abcdef', sequence: 1 }
const LOOKUP: Lookup = { by: 'path', path: '/f' as FilePath, version: null, fromByte: 0, chunksMax: 1 }
const FOUND: LookupResult = { kind: 'directory', modifiedMs: 0 }
const COMMAND: CommandBody = { kind: 'makeDirectory', path: '/d' as FilePath }

let simulation: Simulation
let clock: Clock
let deadlines: Deadlines
let random: SimRandom

beforeEach(() => {
  simulation = new Simulation('request deadline')
  clock = simNode(new SimNetwork(simulation), 'node').runtime.clock
  deadlines = new Deadlines(clock)
  random = simulation.random.fork('channels')
})

const never = <T>(): Promise<T> => new Promise<T>(() => {})

/** A call that has left and whose answer does not come. */
async function silence({ timeoutMs }: { timeoutMs: number }): Promise<never> {
  await clock.sleep(timeoutMs)
  throw new TransportError('no answer', { wasSent: true })
}

const success = (operation: number): CommandResult => ({
  ok: true,
  operation,
  entry: 1,
  decidedMs: 0,
  created: true,
  copies: 0,
  zones: 0,
})

type Send = (request: CommitRequest, options: { timeoutMs: number }) => Promise<CommitReply>

const commitsTo = (send: Send): CommitChannel =>
  new CommitChannel({
    clock,
    deadlines,
    random,
    tuning: DEFAULT_TUNING,
    sender: () => ({ server: 1, incarnation: 1 }),
    send,
  })

const lookupsTo = (send: LookupChannel['lookup'] | ((...asked: never[]) => Promise<never>)): LookupChannel =>
  new LookupChannel({
    clock,
    deadlines,
    random,
    tuning: DEFAULT_TUNING,
    send: send as never,
  })

/** What came of `work`, and after how many milliseconds. */
async function timed(work: () => Promise<unknown>): Promise<{ outcome: unknown; ms: number }> {
  const fromMs = clock.monotonicMs()
  const outcome = await simulation.complete(() => work().catch((error: unknown) => error))
  return { outcome, ms: clock.monotonicMs() - fromMs }
}

function recordsWith(append: () => Promise<AppendedRecord>, commits: CommitChannel): RecordCommitter {
  const pool = { append } as unknown as VolumePool
  return new RecordCommitter({ clock, deadlines, pool, commits })
}

const record = (conclude: (isCommitted: boolean) => void = () => {}): AppendedRecord => ({
  placement: { volume: 1, offset: 0, recordSize: 10, length: 5, crc32: 0, copies: 3 },
  conclude,
  refuse: () => {},
})

const storeIn = (records: RecordCommitter, context: RequestContext): Promise<unknown> =>
  records.store({ kind: 'small', user: {}, path: '/f', start: 0, context }, {} as never, () => COMMAND)

describe('a record', () => {
  it('whose copies are not made is refused at the deadline, and is garbage if they are made later', async () => {
    const appended = Promise.withResolvers<AppendedRecord>()
    const concluded: boolean[] = []
    const records = recordsWith(() => appended.promise, commitsTo(never))
    const { outcome, ms } = await timed(() => storeIn(records, openContext(clock, 'late')))
    expect(outcome).toMatchObject({ code: 'COPY_ERROR' })
    expect(ms).toBe(REQUEST_DEADLINE_MS)
    appended.resolve(record((isCommitted) => concluded.push(isCommitted)))
    await simulation.run({ untilMs: simulation.nowMs })
    expect(concluded).toEqual([false])
  })

  it.each([0, 3000, 15_500, 15_999, 16_000, 19_999])(
    'that took %i ms leaves the commit what is left of the time',
    async (appendMs) => {
      const append = async (): Promise<AppendedRecord> => {
        await clock.sleep(appendMs)
        return record()
      }
      let calls = 0
      const commits = commitsTo((_request, options) => {
        calls += 1
        return silence(options)
      })
      const { outcome, ms } = await timed(() =>
        storeIn(recordsWith(append, commits), openContext(clock, 'both')),
      )
      expect(ms).toBeLessThanOrEqual(REQUEST_DEADLINE_MS)
      // What may have left has an unknown outcome; what came too late to be settled did not leave.
      expect(outcome).toMatchObject({ code: calls > 0 ? 'TIMEOUT_ERROR' : 'UNAVAILABLE' })
      expect(calls > 0).toBe(appendMs < 16_000)
    },
  )

  it('of a client that has left is not started over in the next volume, and not committed', async () => {
    const client = new AbortController()
    const concluded: boolean[] = []
    let [appends, calls] = [0, 0]
    const append = async (): Promise<AppendedRecord> => {
      appends += 1
      client.abort()
      return record((isCommitted) => concluded.push(isCommitted))
    }
    const commits = commitsTo(async () => {
      calls += 1
      return never()
    })
    const { outcome } = await timed(() =>
      storeIn(recordsWith(append, commits), openContext(clock, 'gone', client.signal)),
    )
    expect(outcome).toMatchObject({ code: 'UNAVAILABLE' })
    expect({ appends, calls, concluded }).toEqual({ appends: 1, calls: 0, concluded: [false] })
  })
})

describe('a commit', () => {
  it.each([
    ['a master that does not answer', silence],
    ['a call that never ends', () => never<CommitReply>()],
  ])('at %s is answered at the deadline', async (_name, call) => {
    const commits = commitsTo((_request, options) => call(options))
    const { outcome, ms } = await timed(() => commits.execute(COMMAND, openContext(clock, 'commit')))
    expect(outcome).toMatchObject({ code: 'TIMEOUT_ERROR' })
    expect(ms).toBe(REQUEST_DEADLINE_MS)
  })

  it('whose time is over fails no other of its batch, and one that has time keeps none waiting', async () => {
    const fromMs = clock.monotonicMs()
    const commits = commitsTo(async (request, options) => {
      // The master is away for 17 s, and then confirms what it is sent; it gives no word on what is to be settled.
      if (clock.monotonicMs() < fromMs + 17_000 || request.commands[0]!.kind === 'resolve')
        return silence(options)
      return { epoch: EPOCH, results: request.commands.map(({ id }) => success(id.number)) }
    })
    const answered: Record<string, [unknown, number]> = {}
    const ask = async (name: string, context: RequestContext): Promise<void> => {
      const outcome = await commits.execute(COMMAND, context).catch((error: unknown) => error)
      answered[name] = [outcome, clock.monotonicMs() - fromMs]
    }
    const context = (leftMs: number): RequestContext => ({ requestId: 'batch', deadlineMs: fromMs + leftMs })
    await simulation.complete(() =>
      Promise.all([ask('early', context(8000)), ask('full', context(20_000)), ask('later', context(30_000))]),
    )
    expect(answered).toMatchObject({
      early: [{ code: 'TIMEOUT_ERROR' }, 8000],
      full: [{ code: 'TIMEOUT_ERROR' }, 20_000],
      later: [{ ok: true }, expect.any(Number)],
    })
    expect(answered['later']![1]).toBeLessThan(25_000)
  })

  it('that waits behind a batch without an answer is refused in its own time, without having left', async () => {
    const sent: string[] = []
    const commits = commitsTo((request, options) => {
      for (const command of request.commands) if ('path' in command) sent.push(command.path)
      return silence(options)
    })
    const first = commits.execute(COMMAND, openContext(clock, 'first')).catch((error: unknown) => error)
    await simulation.run({ untilMs: simulation.nowMs + 100 })
    const behind: CommandBody = { kind: 'makeDirectory', path: '/behind' as FilePath }
    const { outcome, ms } = await timed(() =>
      commits.execute(behind, { requestId: 'behind', deadlineMs: clock.monotonicMs() + 9000 }),
    )
    expect(outcome).toMatchObject({ code: 'UNAVAILABLE' })
    expect(ms).toBeLessThanOrEqual(9000)
    expect(sent).not.toContain('/behind')
    expect(await simulation.complete(() => first)).toMatchObject({ code: 'TIMEOUT_ERROR' })
  })

  it('that may have left is settled, also when its client has left', async () => {
    const client = new AbortController()
    const resolved: number[] = []
    const commits = commitsTo(async (request, options) => {
      client.abort()
      const [command] = request.commands
      if (command!.kind !== 'resolve') return silence(options)
      resolved.push(command!.id.number)
      return { epoch: EPOCH, results: [success(7)] }
    })
    const { outcome } = await timed(() => commits.execute(COMMAND, openContext(clock, 'gone', client.signal)))
    expect(outcome).toEqual(success(7))
    expect(resolved).toEqual([1])
  })
})

describe('a look-up', () => {
  it.each([
    ['a master that does not answer', silence],
    ['a call that never ends', () => never<never>()],
  ])('at %s is refused at the deadline', async (_name, call) => {
    const lookups = lookupsTo((_requests: never, options: never) => call(options))
    const { outcome, ms } = await timed(() => lookups.lookup(LOOKUP, openContext(clock, 'look-up')))
    expect(outcome).toMatchObject({ code: 'UNAVAILABLE' })
    expect(ms).toBe(REQUEST_DEADLINE_MS)
  })

  it('whose time is over fails no other of its batch, and one that has time keeps none waiting', async () => {
    const fromMs = clock.monotonicMs()
    const lookups = lookupsTo(async (requests: never, options: never) => {
      if (clock.monotonicMs() < fromMs + 10_000) return silence(options)
      return { epoch: EPOCH, results: (requests as Lookup[]).map(() => FOUND) } as never
    })
    const [early, later] = await simulation.complete(() =>
      Promise.all([
        timedIn(lookups, { requestId: 'early', deadlineMs: fromMs + 3000 }),
        timedIn(lookups, { requestId: 'later', deadlineMs: fromMs + 20_000 }),
      ]),
    )
    expect(early).toMatchObject({ outcome: { code: 'UNAVAILABLE' }, atMs: fromMs + 3000 })
    expect(later).toMatchObject({ outcome: FOUND })
  })

  it('of a client that left while it waited does not leave', async () => {
    const client = new AbortController()
    let asked = 0
    const lookups = lookupsTo(async (requests: never) => {
      asked += (requests as Lookup[]).length
      return { epoch: EPOCH, results: (requests as Lookup[]).map(() => FOUND) } as never
    })
    const { outcome } = await timed(async () => {
      const left = lookups.lookup(LOOKUP, openContext(clock, 'gone', client.signal))
      client.abort()
      return Promise.allSettled([left, lookups.lookup(LOOKUP, openContext(clock, 'stays'))])
    })
    expect(outcome).toMatchObject([{ reason: { code: 'UNAVAILABLE' } }, { value: FOUND }])
    expect(asked).toBe(1)
  })
})

async function timedIn(
  lookups: LookupChannel,
  context: RequestContext,
): Promise<{ outcome: unknown; atMs: number }> {
  const outcome = await lookups.lookup(LOOKUP, context).catch((error: unknown) => error)
  return { outcome, atMs: clock.monotonicMs() }
}

describe('what is passed on', () => {
  const namespaceOf = (call: () => Promise<never>): RemoteNamespace =>
    new RemoteNamespace({
      clock,
      deadlines,
      session: { call, callCurrent: call } as unknown as MasterSession,
      commits: commitsTo((_request, options) => silence(options)),
      lookups: lookupsTo((_requests: never, options: never) => silence(options)),
    })
  const LISTING = { path: '/' as never, after: null, entriesMax: 1, recursive: false }
  const QUESTIONS: [string, (namespace: RemoteNamespace, context: RequestContext) => Promise<unknown>][] = [
    ['a look-up', (namespace, context) => namespace.lookup(LOOKUP, context)],
    ['a listing', (namespace, context) => namespace.list(LISTING, context)],
    ['a command', (namespace, context) => namespace.execute(COMMAND, context)],
    ['the cluster', (namespace, context) => namespace.viewCluster(context)],
    ['a check of copies', (namespace, context) => namespace.checkCopies({ start: true }, context)],
  ]

  it.each(QUESTIONS)('%s is answered in the time that is left of the request', async (_name, ask) => {
    for (const leftMs of [REQUEST_DEADLINE_MS, 4500, 700, 0]) {
      const { outcome, ms } = await timed(() =>
        ask(
          namespaceOf(() => never()),
          { requestId: 'x', deadlineMs: clock.monotonicMs() + leftMs },
        ),
      )
      expect(outcome).toMatchObject({ code: expect.stringMatching(/^(UNAVAILABLE|TIMEOUT_ERROR)$/) })
      expect(ms).toBeLessThanOrEqual(leftMs)
    }
  })
})

describe('a client that has done its part', () => {
  it('is given the time of its request again, and all else that is known of it stays', async () => {
    const { signal } = new AbortController()
    const opened = openContext(clock, 'long', signal)
    await simulation.run({ untilMs: simulation.nowMs + 60_000 })
    expect(continueContext(clock, opened)).toEqual({
      ...opened,
      deadlineMs: clock.monotonicMs() + REQUEST_DEADLINE_MS,
    })
  })

  it('has no more than the node has left that passed the request on', () => {
    const passed = { requestId: 'passed', deadlineMs: clock.monotonicMs() + 7000, timeMs: 7000 }
    expect(continueContext(clock, passed).deadlineMs).toBe(clock.monotonicMs() + 7000)
  })
})
