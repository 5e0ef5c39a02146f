import { concatBytes, InvariantError, TransportError, utf8, type WireReply } from '@dfs/core'
import { describe, expect, it } from 'vitest'
import { carry } from '../src/network/pieces.ts'
import { simNode, SimNetwork, type SimNode, SimRandom, Simulation } from '../src/index.ts'

const ROUTE = 'POST /v1/x'
const SEEDS = Array.from({ length: 30 }, (_, index) => `seed ${index}`)

interface Pair {
  readonly simulation: Simulation
  readonly network: SimNetwork
  readonly one: SimNode
  readonly two: SimNode
  /** Requests that `two` has begun to answer. */
  readonly seen: string[]
  readonly call: (text?: string, timeoutMs?: number) => Promise<WireReply>
  /** The error of a call that must fail, or null if it has an answer. */
  readonly outcome: (timeoutMs?: number) => Promise<TransportError | null>
}

/** Two nodes; the second answers after `answerMs`. */
async function makePair(seed: string, answerMs = 10): Promise<Pair> {
  const simulation = new Simulation(seed)
  const network = new SimNetwork(simulation)
  const [one, two] = [simNode(network, 'one'), simNode(network, 'two')]
  const { clock, transport } = two.runtime
  const seen: string[] = []
  await simulation.complete(() =>
    transport.serve(
      async ({ body }) => {
        seen.push(Buffer.from(concatBytes(body)).toString())
        await clock.sleep(answerMs)
        return { ok: true, body }
      },
      [ROUTE],
    ),
  )
  const call = (text = 'x', timeoutMs = 10_000): Promise<WireReply> =>
    one.runtime.transport.call('two', { route: ROUTE, params: {}, body: [utf8(text)] }, { timeoutMs })
  const outcome = (timeoutMs?: number): Promise<TransportError | null> =>
    call('x', timeoutMs).then(
      () => null,
      (error: TransportError) => error,
    )
  return { simulation, network, one, two, seen, call, outcome }
}

describe('SimNetwork', () => {
  it('says "not sent" only of calls that never arrive, whenever the peer crashes', async () => {
    const outcomes = new Set<string>()
    for (const seed of SEEDS) {
      for (const kind of ['process', 'power'] as const) {
        const { simulation, two, seen, outcome } = await makePair(seed)
        const crashAtMs = simulation.random.between(0, 12)
        simulation.schedule(crashAtMs, 'crash', () => two.crash(kind))
        const error = await simulation.complete(() => outcome(100))
        const mayHaveArrived = error === null || error.wasSent
        expect(mayHaveArrived || seen.length === 0).toBe(true)
        outcomes.add(`${kind} ${error === null ? 'answered' : error.message.replace(/.*: /, '')}`)
      }
    }
    expect(outcomes).toContain('process the connection was reset')
    expect(outcomes).toContain('power no answer within 100 ms')
  })

  it('refuses calls to a process that is gone, and leaves those to a dark machine without an answer', async () => {
    for (const seed of SEEDS) {
      const refused = await makePair(seed)
      refused.two.crash('process')
      expect(await refused.simulation.complete(() => refused.outcome())).toMatchObject({ wasSent: false })
      expect(refused.simulation.nowMs).toBeLessThan(10)
      const dark = await makePair(seed)
      dark.two.crash('power')
      expect(await dark.simulation.complete(() => dark.outcome())).toBeInstanceOf(TransportError)
      expect(dark.simulation.nowMs).toBeGreaterThan(1000)
    }
  })

  it('lets a request through a link that is cut on the way back only', async () => {
    const arrivedCounts: number[] = []
    for (const seed of SEEDS) {
      const { simulation, network, seen, outcome } = await makePair(seed)
      network.setLink('two', 'one', { isCut: true })
      const error = await simulation.complete(() => outcome(5000))
      expect(error?.wasSent).toBe(seen.length > 0)
      arrivedCounts.push(seen.length)
    }
    expect(new Set(arrivedCounts)).toEqual(new Set([0, 1]))
  })

  it('separates groups, and is whole again after it has healed', async () => {
    const { simulation, network, seen, outcome } = await makePair('partition')
    network.partition([['one'], ['two']])
    expect(await simulation.complete(() => outcome(3000))).toBeInstanceOf(TransportError)
    expect(seen).toEqual([])
    network.heal()
    expect(await simulation.complete(() => outcome())).toBeNull()
  })

  it('loses, doubles and reorders messages as told', async () => {
    const lossy = await makePair('loss')
    lossy.network.setLink('one', 'two', { lossRatio: 1 })
    expect(await lossy.simulation.complete(() => lossy.outcome(100))).toMatchObject({ wasSent: true })
    expect(lossy.seen).toEqual([])

    const doubling = await makePair('duplicate')
    doubling.network.setLink('one', 'two', { duplicateRatio: 1 })
    await doubling.simulation.complete(() => doubling.call('twice'))
    await doubling.simulation.run()
    expect(doubling.seen).toEqual(['twice', 'twice'])

    const reordering = await makePair('reorder')
    reordering.network.setLink('one', 'two', { reorderRatio: 0.5 })
    const texts = Array.from({ length: 10 }, (_, index) => String(index))
    await reordering.simulation.complete(() => Promise.all(texts.map((text) => reordering.call(text))))
    expect(reordering.seen).not.toEqual(texts)
    expect(reordering.seen.toSorted()).toEqual(texts)
  })

  it('ends the run with the assertion that failed in a handler', async () => {
    const { simulation, network, one } = await makePair('invariant')
    const bad = simNode(network, 'bad').runtime
    const call = async (): Promise<void> => {
      await bad.transport.serve(() => Promise.reject(new InvariantError('a bug')), [ROUTE])
      await one.runtime.transport.call('bad', { route: ROUTE, params: {}, body: [] }, { timeoutMs: 100 })
    }
    await expect(simulation.complete(call)).rejects.toBeInstanceOf(InvariantError)
  })

  it('carries bytes unchanged, in other pieces and in memory of their own', () => {
    const random = new SimRandom('pieces')
    const whole = random.bytes(1000)
    const counts = new Set<number>()
    for (let round = 0; round < 50; round += 1) {
      const carried = carry([whole.subarray(0, 10), whole.subarray(10)], random)
      expect(Buffer.concat(carried).equals(whole)).toBe(true)
      expect(carried.some((piece) => piece.buffer === whole.buffer)).toBe(false)
      counts.add(carried.length)
    }
    expect(counts.size).toBeGreaterThan(2)
    expect(carry([], random)).toEqual([])
  })
})

describe('SimNode', () => {
  it('stops in the middle of what it does when it crashes, and never goes on', async () => {
    const { simulation, one } = await makePair('crash')
    const { clock } = one.runtime
    const steps: number[] = []
    void (async () => {
      for (let step = 0; step < 10; step += 1) {
        await clock.sleep(10)
        steps.push(step)
      }
    })()
    simulation.schedule(35, 'crash', () => one.crash())
    await simulation.run()
    one.restart()
    await simulation.run()
    expect(steps).toEqual([0, 1, 2])
  })

  it('catches up in order after a pause, during which calls to it wait', async () => {
    const { simulation, two, seen, call } = await makePair('pause')
    const { clock } = two.runtime
    const woken: number[] = []
    for (const ms of [30, 20]) void clock.sleep(ms).then(() => woken.push(ms))
    const cancelled = new AbortController()
    const aborted = clock.sleep(25, cancelled.signal)
    aborted.catch(() => undefined)
    two.pause()
    const reply = call()
    await simulation.run({ untilMs: 500 })
    expect([woken, seen]).toEqual([[], []])
    two.resume()
    cancelled.abort(new Error('too late'))
    await expect(simulation.complete(() => reply)).resolves.toMatchObject({ ok: true })
    await expect(aborted).rejects.toThrow('too late')
    expect(woken).toEqual([20, 30])
  })

  it('has a wall clock that can be wrong while its monotonic clock is not', async () => {
    const { simulation, one } = await makePair('wall')
    const { clock } = one.runtime
    const [wallMs, monotonicMs] = [clock.wallMs(), clock.monotonicMs()]
    one.wallOffsetMs = -3_600_000
    await simulation.complete(() => clock.sleep(100))
    expect(clock.wallMs()).toBe(wallMs - 3_600_000 + 100)
    expect(clock.monotonicMs()).toBe(monotonicMs + 100)
  })

  it('has clocks that can be too fast, and waits less long by them', async () => {
    const { simulation, one, outcome } = await makePair('fast', 1000)
    const { clock } = one.runtime
    await simulation.run({ untilMs: 1000 })
    one.setClockRate(4)
    await simulation.complete(() => clock.sleep(400))
    expect([simulation.nowMs, clock.monotonicMs()]).toEqual([1100, 1400])
    one.setClockRate(0.5)
    await simulation.complete(() => clock.sleep(100))
    expect([simulation.nowMs, clock.monotonicMs()]).toEqual([1300, 1500])
    one.setClockRate(4)
    const error = await simulation.complete(() => outcome(2000))
    expect(error?.message).toMatch(/no answer within/)
    expect(simulation.nowMs, 'its timeout is a quarter as long').toBe(1800)
  })

  it('shows what a node waits for, until it has an answer or is gone', async () => {
    const { simulation, network, one, call } = await makePair('in flight')
    const answered = call('12345')
    void call('678')
    expect(network.inFlightFrom('one')).toEqual({ calls: 2, bytes: 8 })
    await simulation.complete(() => answered)
    await simulation.run()
    expect(network.inFlightFrom('one')).toEqual({ calls: 0, bytes: 0 })
    void call('9')
    one.crash()
    expect(network.inFlightFrom('one')).toEqual({ calls: 0, bytes: 0 })
  })

  it('draws other numbers in each of its lives', async () => {
    const { one } = await makePair('lives')
    const first = one.runtime.random.bytes(16)
    one.crash()
    expect(one.restart().random.bytes(16)).not.toEqual(first)
  })
})
