/** Exactly once, and never a definite answer about what may have happened: the promises of the commit channel. */
import { byteCount, Deadlines, TransportError } from '@dfs/core'
import {
  type CommandBody,
  type CommandResult,
  COMMIT_BATCH_COMMANDS_MAX,
  type CommitReply,
  type CommitRequest,
  commits,
  type FilePath,
  openContext,
  WIRE_BODY_BYTES_MAX,
} from '@dfs/protocol'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { CommitChannel } from '../src/master/commit-channel.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'

const EPOCH = { counter: 1, nonce: '0123456789abcdef', sequence: 1 }

const success = (operation: number): CommandResult => ({
  ok: true,
  operation,
  entry: 1,
  decidedMs: 0,
  created: true,
  copies: 0,
  zones: 0,
})

const makeDirectory = (name: string): CommandBody => ({ kind: 'makeDirectory', path: `/${name}` as FilePath })

/** A channel in front of `answer`, on virtual time. */
function channelTo(answer: (request: CommitRequest) => Promise<CommitReply>) {
  const simulation = new Simulation('commit channel')
  const { runtime } = simNode(new SimNetwork(simulation), 'sender')
  const sent: CommitRequest[] = []
  const channel = new CommitChannel({
    clock: runtime.clock,
    deadlines: new Deadlines(runtime.clock),
    random: runtime.random,
    tuning: DEFAULT_TUNING,
    sender: () => ({ server: 7, incarnation: 3 }),
    send: (request) => {
      sent.push(request)
      return answer(request)
    },
  })
  const execute = (command: CommandBody): Promise<CommandResult> =>
    channel.execute(command, openContext(runtime.clock, 'test'))
  return { simulation, channel, execute, sent, clock: runtime.clock }
}

const answerAll = async (request: CommitRequest): Promise<CommitReply> => ({
  epoch: EPOCH,
  results: request.commands.map((command) => success(command.id.number)),
})

test('a batch whose answer got lost is sent again with the same ids, and answered once', async () => {
  let failures = 2
  const { simulation, execute, sent } = channelTo(async (request) => {
    failures -= 1
    if (failures >= 0) throw new TransportError('the connection broke', { wasSent: true })
    return answerAll(request)
  })
  const results = await simulation.complete(() =>
    Promise.all(['a', 'b', 'c'].map((name) => execute(makeDirectory(name)))),
  )
  expect(results).toEqual([success(1), success(2), success(3)])
  expect(sent).toHaveLength(3)
  for (const request of sent) expect(request.commands.map(({ id }) => id.number)).toEqual([1, 2, 3])
})

test('one batch is under way at a time, in the order of the commands', async () => {
  let underWay = 0
  const order: number[] = []
  const { simulation, execute } = channelTo(async (request) => {
    underWay += 1
    expect(underWay).toBe(1)
    await Promise.resolve()
    order.push(...request.commands.map(({ id }) => id.number))
    underWay -= 1
    return answerAll(request)
  })
  await simulation.complete(async () => {
    const first = execute(makeDirectory('first'))
    await Promise.resolve()
    await Promise.all([first, ...Array.from({ length: 20 }, (_, n) => execute(makeDirectory(`${n}`)))])
  })
  expect(order).toEqual(Array.from({ length: 21 }, (_, index) => index + 1))
})

test('without an answer the outcome is unknown if a batch may have left, and definite if none did (R14)', async () => {
  for (const [wasSent, code] of [
    [true, 'TIMEOUT_ERROR'],
    [false, 'UNAVAILABLE'],
  ] as const) {
    const { simulation, execute } = channelTo(async () => {
      throw new TransportError('no answer', { wasSent })
    })
    const outcome = await simulation.complete(() =>
      execute(makeDirectory('x')).catch((error: unknown) => error),
    )
    expect(outcome).toMatchObject({ code })
  }
})

test('a batch without an answer is settled before its deadline, and what the master says then is the outcome', async () => {
  for (const outcome of [
    success(7),
    { ok: false, code: 'UNAVAILABLE', detail: 'given up' },
  ] as const satisfies CommandResult[]) {
    const { simulation, execute, sent } = channelTo(async (request) => {
      if (request.commands[0]!.kind !== 'resolve') throw new TransportError('lost', { wasSent: true })
      return { epoch: EPOCH, results: [outcome] }
    })
    expect(await simulation.complete(() => execute(makeDirectory('x')))).toEqual(outcome)
    const last = sent.at(-1)!
    expect(last.commands).toEqual([{ kind: 'resolve', id: sent[0]!.commands[0]!.id }])
    expect(last.watermark, 'or its result would be forgotten').toBe(1)
  }
})

test('nothing is sent for the first time when there is no time left to settle it', async () => {
  const { simulation, channel, execute, sent, clock } = channelTo(async () => {
    throw new TransportError('lost', { wasSent: true })
  })
  const outcomes = await simulation.complete(async () => {
    const opened = openContext(clock, 'test')
    await clock.sleep(100)
    // It waits behind the first one, whose time to be settled comes later than its own.
    return Promise.allSettled([
      execute(makeDirectory('first')),
      clock.sleep(10).then(() => channel.execute(makeDirectory('second'), opened)),
    ])
  })
  expect(outcomes).toMatchObject([{ reason: { code: 'TIMEOUT_ERROR' } }, { reason: { code: 'UNAVAILABLE' } }])
  const names = sent.flatMap(({ commands }) => commands.map((command) => 'path' in command && command.path))
  expect(names).not.toContain('/second')
})

test('that a newer start has replaced this server says nothing of what may have been done before', async () => {
  let attempts = 0
  const stale = { ok: false, code: 'STALE_INCARNATION', detail: 'replaced' } as const
  const { simulation, execute } = channelTo(async () => {
    attempts += 1
    if (attempts === 1) throw new TransportError('lost', { wasSent: true })
    return { epoch: EPOCH, results: [stale] }
  })
  const [unknown, refused] = await simulation.complete(async () => [
    await execute(makeDirectory('x')),
    await execute(makeDirectory('y')),
  ])
  expect(unknown).toMatchObject({ code: 'TIMEOUT_ERROR' })
  expect(refused).toMatchObject({ code: 'UNAVAILABLE' })
})

test('that the master has no room for a result says nothing of an attempt that may still be under way', async () => {
  let attempts = 0
  const busy = { ok: false, code: 'TOO_BUSY', detail: 'too many results' } as const
  const { simulation, execute } = channelTo(async () => {
    attempts += 1
    if (attempts === 1) throw new TransportError('late', { wasSent: true })
    return { epoch: EPOCH, results: [busy] }
  })
  const [unknown, refused] = await simulation.complete(async () => [
    await execute(makeDirectory('x')),
    await execute(makeDirectory('y')),
  ])
  expect(unknown).toMatchObject({ code: 'TIMEOUT_ERROR' })
  expect(refused).toEqual(busy)
})

test('a batch fits a call, however long its commands are', async () => {
  const { simulation, execute, sent } = channelTo(answerAll)
  // Each of these characters takes six bytes as JSON.
  const link = { kind: 'link', path: '/l' as FilePath, target: '\u0001'.repeat(4096) } as const
  await simulation.complete(() =>
    Promise.all(Array.from({ length: COMMIT_BATCH_COMMANDS_MAX }, () => execute(link))),
  )
  expect(sent.length).toBeGreaterThan(1)
  for (const request of sent) {
    expect(byteCount(commits.encodeRequest(request).body)).toBeLessThanOrEqual(WIRE_BODY_BYTES_MAX)
  }
})

test('one attempt that may have left makes the outcome unknown, whatever the later ones were', async () => {
  let attempts = 0
  const { simulation, execute } = channelTo(async () => {
    attempts += 1
    throw new TransportError('no answer', { wasSent: attempts === 1 })
  })
  const outcome = await simulation.complete(() =>
    execute(makeDirectory('x')).catch((error: unknown) => error),
  )
  expect(outcome).toMatchObject({ code: 'TIMEOUT_ERROR' })
  expect(attempts).toBeGreaterThan(1)
})

test('the watermark is the lowest number that somebody still waits for', async () => {
  const { simulation, channel, execute, sent } = channelTo(answerAll)
  await simulation.complete(async () => {
    await execute(makeDirectory('a'))
    const held = channel.reserve()
    await execute(makeDirectory('b'))
    await execute(makeDirectory('c'))
    channel.release(held)
    await execute(makeDirectory('d'))
  })
  // Number 1 was answered before; 2 was held while 3 and 4 were sent; 5 is the lowest itself.
  expect(sent.map(({ watermark }) => watermark)).toEqual([1, 2, 2, 5])
})
