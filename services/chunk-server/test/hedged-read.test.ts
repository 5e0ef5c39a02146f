/** When another copy is asked, how often, and what becomes of the one that was slow. */
import { InvariantError } from '@dfs/core'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { describe, expect, it } from 'vitest'
import { Alarms, TICK_MS } from '../src/reading/alarms.ts'
import { type LoanedBytes } from '../src/reading/buffer-pool.ts'
import { HedgeBudget } from '../src/reading/hedge-budget.ts'
import { hedgeDelayMs, RecentLatencies } from '../src/reading/hedge-delay.ts'
import { firstRight, type Source } from '../src/reading/hedged-read.ts'
import { SourceHealth } from '../src/reading/source-health.ts'

describe('the delay before another copy is asked', () => {
  it('is a fixed one while little is known', () => {
    expect(hedgeDelayMs([])).toBe(100)
    expect(hedgeDelayMs([1, 1, 1])).toBe(100)
  })

  it('is what nearly all of the last reads took', () => {
    const latencies = Array.from({ length: 100 }, (_, index) => index + 1)
    expect(hedgeDelayMs(latencies)).toBe(96)
  })

  it('stays between a floor and a ceiling', () => {
    expect(hedgeDelayMs(Array.from({ length: 20 }, () => 0.1))).toBe(10)
    expect(hedgeDelayMs(Array.from({ length: 20 }, () => 9000))).toBe(300)
  })

  it('forgets: what a source was like an hour ago does not count', () => {
    const recent = new RecentLatencies()
    for (let count = 0; count < 1000; count += 1) recent.note(250)
    expect(recent.delayMs).toBe(250)
    for (let count = 0; count < 80; count += 1) recent.note(20)
    expect(recent.delayMs).toBe(20)
  })
})

describe('the budget', () => {
  it('allows a burst, and afterwards one read in ten', () => {
    const budget = new HedgeBudget()
    let allowed = 0
    for (let count = 0; count < 1000; count += 1) {
      budget.noteRead()
      if (budget.take()) allowed += 1
    }
    expect(allowed).toBeGreaterThan(100)
    expect(allowed).toBeLessThan(100 + 25)
  })
})

interface Answer {
  readonly afterMs: number
  readonly gives: 'bytes' | 'wrong bytes' | Error
  readonly isDoubtful?: boolean
}

interface Trial {
  readonly bytes: string | null
  readonly tookMs: number
  readonly asked: readonly string[]
  readonly cancelled: readonly string[]
  readonly released: readonly string[]
  readonly failed: readonly string[]
}

const PATIENCE_MS = 3000
const WITHIN_MS = 4500

interface Bench {
  readonly simulation: Simulation
  readonly health: Map<string, SourceHealth>
  read(answers: Readonly<Record<string, Answer>>, bytes?: number): Promise<Trial>
}

function bench(budget = new HedgeBudget()): Bench {
  const simulation = new Simulation('hedged')
  const { clock } = simNode(new SimNetwork(simulation), 'node').runtime
  const deps = {
    alarms: new Alarms(clock),
    budget,
    nowMs: () => clock.monotonicMs(),
    withinMs: WITHIN_MS,
  }
  const health = new Map<string, SourceHealth>()
  const healthOf = (name: string): SourceHealth => {
    const known = health.get(name) ?? new SourceHealth(clock)
    health.set(name, known)
    return known
  }
  const read = async (answers: Readonly<Record<string, Answer>>, bytesCount = 1024): Promise<Trial> => {
    const [asked, cancelled, released, failed]: string[][] = [[], [], [], []]
    const sources = Object.entries(answers).map(([name, { afterMs, gives, isDoubtful = false }]): Source => {
      const bytes = async (): Promise<LoanedBytes | null> => {
        asked!.push(name)
        await clock.sleep(afterMs)
        if (gives instanceof Error) throw gives
        const loan = { bytes: Buffer.from(name), release: () => void released!.push(name) }
        return gives === 'bytes' ? loan : null
      }
      return {
        health: healthOf(name),
        patienceMs: isDoubtful ? 700 : PATIENCE_MS,
        isDoubtful,
        start: () => ({ bytes: bytes(), cancel: () => void cancelled!.push(name) }),
        noteFailure: (error) => {
          if (error instanceof InvariantError) throw error
          failed!.push(name)
        },
      }
    })
    const fromMs = simulation.nowMs
    const all = { each: sources.values(), count: sources.length }
    const loan = await simulation.complete(() => firstRight(all, bytesCount, deps))
    const tookMs = simulation.nowMs - fromMs
    await simulation.run({ untilMs: simulation.nowMs + 60_000 })
    const bytesText = loan === null ? null : Buffer.from(loan.bytes).toString()
    return {
      bytes: bytesText,
      tookMs,
      asked: asked!,
      cancelled: cancelled!,
      released: released!,
      failed: failed!,
    }
  }
  return { simulation, health, read }
}

function spentBudget(): HedgeBudget {
  const budget = new HedgeBudget()
  while (budget.take());
  return budget
}

const quick: Answer = { afterMs: 1, gives: 'bytes' }
const hangs: Answer = { afterMs: 50_000, gives: 'bytes' }

describe('a read from several copies', () => {
  it('asks one copy alone while that one is quick', async () => {
    const trial = await bench().read({ a: quick, b: quick })
    expect(trial).toMatchObject({ bytes: 'a', asked: ['a'], cancelled: [], released: [] })
  })

  it('asks the next as well when one is slow, takes the first answer, and gives the late one back', async () => {
    const trial = await bench().read({ a: hangs, b: quick, c: quick })
    expect(trial).toMatchObject({ bytes: 'b', asked: ['a', 'b'], cancelled: ['a'], released: ['a'] })
    expect(trial.tookMs).toBeLessThan(100 + 2 * TICK_MS + 2)
  })

  it('does not take a whole chunk for a hanging read after many small ones', async () => {
    const b = bench()
    for (let count = 0; count < 40; count += 1) await b.read({ a: quick, b: quick })
    const chunk = await b.read({ a: { afterMs: 60, gives: 'bytes' }, b: quick }, 4 * 2 ** 20)
    expect(chunk).toMatchObject({ bytes: 'a', asked: ['a'] })
    const small = await b.read({ a: { afterMs: 60, gives: 'bytes' }, b: quick })
    expect(small).toMatchObject({ bytes: 'b', asked: ['a', 'b'] })
  })

  it('takes the slow one if that is first after all', async () => {
    const trial = await bench().read({ a: { afterMs: 150, gives: 'bytes' }, b: hangs })
    expect(trial).toMatchObject({ bytes: 'a', asked: ['a', 'b'], cancelled: ['b'] })
  })

  it('asks the next at once when one fails or has wrong bytes', async () => {
    const trial = await bench().read({
      a: { afterMs: 1, gives: new Error('no') },
      b: { afterMs: 1, gives: 'wrong bytes' },
      c: quick,
    })
    expect(trial).toMatchObject({ bytes: 'c', failed: ['a', 'b'] })
    expect(trial.tookMs).toBeLessThan(5)
  })

  it('never asks more than two at a time', async () => {
    const trial = await bench().read({ a: hangs, b: hangs, c: quick })
    expect(trial.bytes).toBe('c')
    expect(trial.tookMs, 'the first was given up').toBeGreaterThanOrEqual(PATIENCE_MS)
    expect(trial.tookMs).toBeLessThan(PATIENCE_MS + 2 * TICK_MS + 100)
  })

  it('gives up a copy that hangs last', async () => {
    const alone = await bench().read({ a: hangs })
    expect(alone).toMatchObject({ bytes: null, failed: ['a'] })
    expect(alone.tookMs).toBeLessThan(PATIENCE_MS + 2 * TICK_MS)
  })

  it.each([2, 3, 4, 5, 9])(
    'asks each of %i copies before its time is over, even without a budget',
    async (count) => {
      const names = Array.from({ length: count }, (_, index) => `copy ${index}`)
      const last = names.at(-1)!
      const answers = Object.fromEntries(names.map((name) => [name, name === last ? quick : hangs]))
      const trial = await bench(spentBudget()).read(answers)
      expect(trial).toMatchObject({ bytes: last, asked: names })
      expect(trial.tookMs).toBeLessThan(WITHIN_MS)
    },
  )

  it.each([2, 3, 9])('is given up in time if all of %i copies hang', async (count) => {
    const names = Array.from({ length: count }, (_, index) => `copy ${index}`)
    const trial = await bench(spentBudget()).read(Object.fromEntries(names.map((name) => [name, hangs])))
    expect(trial).toMatchObject({ bytes: null, asked: names, failed: names })
    expect(trial.tookMs).toBeLessThanOrEqual(WITHIN_MS + TICK_MS)
  })

  it('asks copies of which nobody expects an answer two at a time, and not for long', async () => {
    const dead: Answer = { ...hangs, isDoubtful: true }
    const trial = await bench(spentBudget()).read({ a: dead, b: dead, c: dead })
    expect(trial).toMatchObject({ bytes: null, failed: ['a', 'b', 'c'] })
    expect(trial.tookMs, 'before a client gives up its server').toBeLessThan(2000)
    const back = await bench(spentBudget()).read({ a: dead, b: dead, c: quick })
    expect(back).toMatchObject({ bytes: 'c' })
  })

  it('has no right bytes if no copy has any', async () => {
    expect(await bench().read({})).toMatchObject({ bytes: null })
    expect(await bench().read({ a: { afterMs: 1, gives: 'wrong bytes' } })).toMatchObject({ bytes: null })
  })

  it('passes on what can only be a bug instead of hiding it behind another copy', async () => {
    const bug = new InvariantError('a bug')
    await expect(bench().read({ a: { afterMs: 1, gives: bug }, b: quick })).rejects.toBe(bug)
  })

  it('asks a copy last that keeps losing, and first again when its time has passed', async () => {
    const its = bench()
    const { health, simulation } = its
    for (let count = 0; count < 2; count += 1) await its.read({ a: hangs, b: quick })
    expect(health.get('a')!.isAskedLast).toBe(false)
    let isAskedLast = false
    simulation.schedule(500, 'look', () => (isAskedLast = health.get('a')!.isAskedLast))
    await its.read({ a: hangs, b: quick })
    expect(isAskedLast).toBe(true)
    expect(health.get('a')!.isAskedLast, 'a minute later').toBe(false)
    await its.read({ a: quick, b: quick })
    expect(health.get('a')!.isAskedLast).toBe(false)
  })
})
