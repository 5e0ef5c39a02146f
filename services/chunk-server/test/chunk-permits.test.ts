/** Permits for chunks in memory: never more than there are, in the order in which they were asked for, and none is lost. */
import { type Clock, Deadlines, InvariantError, QueueFullError } from '@dfs/core'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  type ChunkPermit,
  ChunkPermits,
  type ChunkPermitsOptions,
  type Patience,
} from '../src/writing/chunk-permits.ts'

let simulation: Simulation
let clock: Clock
/** Whoever has got a permit, in this order. */
let served: string[]
let hurried: string[]

beforeEach(() => {
  simulation = new Simulation('chunk permits')
  clock = simNode(new SimNetwork(simulation), 'node').runtime.clock
  served = []
  hurried = []
})

const pass = (ms: number): Promise<void> => simulation.run({ untilMs: simulation.nowMs + ms })

const permitsFor = (options: Pick<ChunkPermitsOptions, 'permits' | 'waitingMax'>): ChunkPermits =>
  new ChunkPermits({ clock, deadlines: new Deadlines(clock), ...options })

/** Asks for a permit; who got one, and who was hurried, is noted. */
async function ask(
  permits: ChunkPermits,
  name: string,
  patience: Patience = { deadlineMs: Infinity },
): Promise<ChunkPermit> {
  const permit = await permits.acquire(patience)
  served.push(name)
  void permit.hurry.then(() => hurried.push(name))
  return permit
}

describe('the bound', () => {
  it('is never exceeded, nobody is overtaken, and every permit comes back', async () => {
    const permits = permitsFor({ permits: 3, waitingMax: 200 })
    const random = simulation.random.fork('work')
    const names = Array.from({ length: 200 }, (_, index) => String(index))
    let [held, most] = [0, 0]
    await simulation.complete(() =>
      Promise.all(
        names.map(async (name) => {
          const permit = await ask(permits, name)
          held += 1
          most = Math.max(most, held)
          await clock.sleep(random.int(2000))
          if (random.chance(0.5)) permit.gathered()
          await clock.sleep(random.int(50))
          held -= 1
          permit.release()
        }),
      ),
    )
    expect([most, held]).toEqual([3, 0])
    expect(served).toEqual(names)
    // All three are there again.
    await simulation.complete(() => Promise.all(['a', 'b', 'c'].map((name) => ask(permits, name))))
    expect(served.slice(-3)).toEqual(['a', 'b', 'c'])
  })

  it('hands a permit to whoever waits, not to whoever asks at that moment', async () => {
    const permits = permitsFor({ permits: 1, waitingMax: 10 })
    const first = await ask(permits, 'first')
    const waiting = ask(permits, 'waiting')
    await pass(10)
    expect(served).toEqual(['first'])
    first.release()
    const late = ask(permits, 'late')
    await pass(10)
    expect(served).toEqual(['first', 'waiting'])
    ;(await waiting).release()
    await late
    expect(served).toEqual(['first', 'waiting', 'late'])
  })

  it('refuses whoever comes when too many wait, and keeps nothing of them', async () => {
    const permits = permitsFor({ permits: 1, waitingMax: 2 })
    const first = await ask(permits, 'first')
    const second = ask(permits, 'second')
    const third = ask(permits, 'third')
    for (const name of ['refused', 'refused too'])
      await expect(ask(permits, name)).rejects.toBeInstanceOf(QueueFullError)
    first.release()
    // One place to wait is free again.
    const fourth = ask(permits, 'fourth')
    await expect(ask(permits, 'refused')).rejects.toBeInstanceOf(QueueFullError)
    for (const next of [second, third, fourth]) (await next).release()
    expect(served).toEqual(['first', 'second', 'third', 'fourth'])
    await ask(permits, 'at once')
  })

  it('would not notice a permit that comes back twice, so that is asserted', async () => {
    const permits = permitsFor({ permits: 1, waitingMax: 10 })
    const permit = await ask(permits, 'once')
    permit.release()
    expect(() => permit.release()).toThrow(InvariantError)
    expect(() => permitsFor({ permits: 0, waitingMax: 10 })).toThrow(InvariantError)
  })
})

describe('hurry', () => {
  it('is for nobody as long as nobody waits, nor before a second has passed', async () => {
    const permits = permitsFor({ permits: 1, waitingMax: 10 })
    await ask(permits, 'slow')
    await pass(60_000)
    expect(hurried).toEqual([])

    const other = permitsFor({ permits: 1, waitingMax: 10 })
    await ask(other, 'young')
    void ask(other, 'waiting')
    await pass(999)
    expect(hurried).toEqual([])
    await pass(251)
    expect(hurried).toEqual(['young'])
  })

  it('is at once for who has gathered for long when somebody comes', async () => {
    const permits = permitsFor({ permits: 1, waitingMax: 10 })
    await ask(permits, 'slow')
    await pass(1000)
    void ask(permits, 'waiting')
    await pass(0)
    expect(hurried).toEqual(['slow'])
  })

  it('is for the oldest, as many as wait, and not for chunks that are complete or given up', async () => {
    const permits = permitsFor({ permits: 6, waitingMax: 10 })
    const held = new Map<string, ChunkPermit>()
    for (const name of ['complete', 'given up', 'a', 'b', 'c', 'd']) {
      held.set(name, await ask(permits, name))
      await pass(1)
    }
    held.get('complete')!.gathered()
    held.get('given up')!.release()
    await pass(2000)
    await ask(permits, 'e')
    void ask(permits, 'waiting')
    void ask(permits, 'waiting too')
    await pass(250)
    expect(hurried).toEqual(['a', 'b'])
    // Hurried, they go on with what they have; only then it is the turn of those behind them.
    await pass(1000)
    expect(hurried).toEqual(['a', 'b'])
    for (const name of ['a', 'b']) held.get(name)!.gathered()
    await pass(250)
    expect(hurried).toEqual(['a', 'b', 'c', 'd'])
  })

  it('leaves nothing running when nobody waits any more, and begins again when somebody does', async () => {
    const permits = permitsFor({ permits: 1, waitingMax: 10 })
    for (const turn of ['first', 'second']) {
      const holder = await ask(permits, turn)
      const waiting = ask(permits, `behind the ${turn}`)
      await pass(1500)
      expect(hurried).toContain(turn)
      holder.release()
      ;(await waiting).release()
      const fromMs = simulation.nowMs
      // Until nothing is left to happen: a timer that goes on would never let it end.
      await simulation.run()
      expect(simulation.nowMs - fromMs).toBeLessThanOrEqual(250)
    }
  })
})

describe('whoever waits', () => {
  it('is refused at its deadline, and its place goes to whoever comes next', async () => {
    const permits = permitsFor({ permits: 1, waitingMax: 1 })
    const first = await ask(permits, 'first')
    const refused = ask(permits, 'refused', { deadlineMs: clock.monotonicMs() + 20_000 }).catch(
      (error: unknown) => error,
    )
    await pass(19_999)
    const next = { deadlineMs: clock.monotonicMs() + 20_000 }
    await expect(ask(permits, 'too many', next)).rejects.toBeInstanceOf(QueueFullError)
    await pass(1)
    expect(await refused).toBeInstanceOf(QueueFullError)
    const waiting = ask(permits, 'waiting', next)
    first.release()
    await waiting
    expect(served).toEqual(['first', 'waiting'])
  })

  it('gives up its place in the moment in which its client leaves', async () => {
    const permits = permitsFor({ permits: 1, waitingMax: 1 })
    const first = await ask(permits, 'first')
    const client = new AbortController()
    const left = ask(permits, 'left', { deadlineMs: Infinity, signal: client.signal })
    client.abort()
    await expect(left).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const waiting = ask(permits, 'waiting')
    first.release()
    ;(await waiting).release()
    await expect(
      ask(permits, 'later', { deadlineMs: Infinity, signal: client.signal }),
    ).resolves.toBeDefined()
  })

  it('has its turn before its deadline behind as many slow clients as may wait', async () => {
    const permits = permitsFor({ permits: 12, waitingMax: 1000 })
    // Each gathers until it is hurried, which is for ever, and stores in 20 ms; then it comes again.
    const isOver = new AbortController()
    const slow = async (): Promise<void> => {
      while (!isOver.signal.aborted) {
        const permit = await permits.acquire({ deadlineMs: Infinity })
        await permit.hurry
        permit.gathered()
        await clock.sleep(20)
        permit.release()
      }
    }
    for (let count = 0; count < 1011; count += 1) void slow()
    await pass(60_000)
    const askedMs = clock.monotonicMs()
    await simulation.complete(() => ask(permits, 'fast', { deadlineMs: askedMs + 20_000 }))
    expect(clock.monotonicMs() - askedMs).toBeLessThan(20_000)
    isOver.abort()
  })
})
