/** Background work takes turns, waits as it says, is paused and resumed, and ends with its signal or with the first bug. */
import { type BackgroundWorker, Runner, type StepResult } from '@dfs/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VirtualClock } from './virtual-clock.ts'

let clock: VirtualClock
let stop: AbortController
let steps: string[]
let running: Promise<void>

beforeEach(() => {
  clock = new VirtualClock()
  stop = new AbortController()
  steps = []
  running = Promise.resolve()
})
afterEach(async () => {
  stop.abort(new Error('the test is over'))
  await running.catch(() => undefined)
  if (clock.sleeping > 0) throw new Error('something sleeps on')
})

interface Fake {
  readonly priority?: number
  readonly step?: (budget: number, signal: AbortSignal) => Promise<StepResult>
}

/** Notes each of its steps; idle for 100 ms after each one if nothing else is said. */
const worker = (name: string, { priority = 1, step }: Fake = {}): BackgroundWorker => ({
  name,
  priority,
  unit: 'items',
  progress: () => ({ done: steps.length, total: 10 }),
  step: async (budget, signal) => {
    steps.push(name)
    return await (step?.(budget, signal) ?? { idleMs: 100, why: `${name} rests` })
  },
})

/** So many steps with more to do after each, then a rest. */
const busy = (count: number): NonNullable<Fake['step']> => {
  let left = count
  return async () => {
    left -= 1
    return left > 0 ? { did: 1 } : { did: 1, idleMs: 1000, why: 'all is done' }
  }
}

function run(...lanes: readonly (readonly BackgroundWorker[])[]): Runner {
  const runner = new Runner({ clock, lanes: lanes.map((workers) => ({ workers, budget: 8 })) })
  running = runner.run(stop.signal)
  return runner
}

const statusOf = (runner: Runner, name: string) => runner.statuses().find((each) => each.name === name)!

describe('turns', () => {
  it('alternate among equals, and come to the less urgent when nobody else has anything to do', async () => {
    run([worker('low', { priority: 2 }), worker('a', { step: busy(3) }), worker('b', { step: busy(2) })])
    await clock.pass(50)
    expect(steps).toEqual(['a', 'b', 'a', 'b', 'a', 'low'])
  })

  it('are of one worker at a time in a lane, while the other lane goes on', async () => {
    const held = Promise.withResolvers<StepResult>()
    const runner = run([worker('long', { step: () => held.promise }), worker('after')], [worker('quick')])
    await clock.pass(250)
    expect(steps).toEqual(['long', 'quick', 'quick', 'quick'])
    expect(statusOf(runner, 'long')).toMatchObject({ state: 'running', why: null })
    expect(statusOf(runner, 'after')).toMatchObject({ state: 'waiting', why: 'long has its turn' })
    held.resolve({ idleMs: 1000, why: 'it is over' })
    await clock.pass(0)
    expect(steps.at(-1)).toBe('after')
  })

  it('are given a budget', async () => {
    const budgets: number[] = []
    const step = async (budget: number): Promise<StepResult> => {
      budgets.push(budget)
      return { idleMs: 1000, why: 'enough' }
    }
    run([worker('a', { step })])
    await clock.pass(0)
    expect(budgets).toEqual([8])
  })

  it('begin when they are to begin', async () => {
    const runner = new Runner({ clock, lanes: [{ workers: [worker('a')], budget: 1, startAfterMs: 500 }] })
    running = runner.run(stop.signal)
    await clock.pass(499)
    expect(steps).toEqual([])
    expect(statusOf(runner, 'a').why).toBe('the process has just started')
    await clock.pass(1)
    expect(steps).toEqual(['a'])
  })
})

describe('a worker that waits', () => {
  it('says why, and comes again when its time is over', async () => {
    const runner = run([worker('a')])
    await clock.pass(99)
    expect(steps).toEqual(['a'])
    expect(statusOf(runner, 'a')).toMatchObject({ state: 'waiting', why: 'a rests', lastError: null })
    await clock.pass(1)
    expect(steps).toEqual(['a', 'a'])
  })

  it('comes at once when it is woken, even in the middle of its step', async () => {
    let runner: Runner | null = null
    const step = async (): Promise<StepResult> => {
      if (steps.length === 2) runner?.wake('a')
      return { idleMs: 1e6, why: 'long' }
    }
    runner = run([worker('a', { step })])
    await clock.pass(1)
    expect(steps).toHaveLength(1)
    expect(runner.wake('a')).toBe(true)
    await clock.pass(1)
    expect(steps).toHaveLength(3)
    expect(runner.wake('nobody')).toBe(false)
  })
})

describe('a pause', () => {
  it('lasts until the worker is resumed, and lets others go on', async () => {
    const runner = run([worker('a'), worker('b')])
    await clock.pass(0)
    expect(runner.pause('a')).toBe(true)
    await clock.pass(1000)
    expect(steps.filter((name) => name === 'a')).toHaveLength(1)
    expect(steps.filter((name) => name === 'b').length).toBeGreaterThan(5)
    expect(statusOf(runner, 'a')).toMatchObject({ state: 'paused', why: 'it was paused' })
    expect(runner.resume('a')).toBe(true)
    await clock.pass(0)
    expect(steps.at(-1)).toBe('a')
    expect(runner.pause('nobody')).toBe(false)
  })

  it('comes after the step that is under way', async () => {
    const held = Promise.withResolvers<StepResult>()
    const runner = run([worker('a', { step: () => held.promise })])
    await clock.pass(0)
    runner.pause('a')
    expect(statusOf(runner, 'a').state).toBe('running')
    held.resolve({ did: 1 })
    await clock.pass(1000)
    expect(steps).toEqual(['a'])
    expect(statusOf(runner, 'a')).toMatchObject({ state: 'paused', did: 1 })
  })
})

describe('the status', () => {
  it('counts what was done, and how fast lately', async () => {
    const runner = run([worker('a', { step: async () => ({ did: 500, idleMs: 1000, why: 'rate' }) })])
    await clock.pass(59_500)
    const { did, perSecond, progress } = statusOf(runner, 'a')
    expect(did).toBe(60 * 500)
    expect(perSecond).toBeGreaterThan(490)
    expect(perSecond).toBeLessThan(520)
    expect(progress).toEqual({ done: 60, total: 10 })
    runner.pause('a')
    await clock.pass(120_000)
    expect(statusOf(runner, 'a')).toMatchObject({ did: 60 * 500, perSecond: 0 })
  })

  it('keeps the last failure while the worker goes on', async () => {
    const step = async (): Promise<StepResult> =>
      steps.length === 2
        ? { idleMs: 100, why: 'again soon', failure: new Error('the disk refuses') }
        : { idleMs: 100, why: 'nothing to do' }
    const runner = run([worker('a', { step })])
    await clock.pass(450)
    expect(steps).toHaveLength(5)
    expect(statusOf(runner, 'a').lastError).toEqual({ message: 'the disk refuses', atMs: 1100 })
  })
})

describe('the end', () => {
  it('comes with the signal, which a step under way is told', async () => {
    const step = (_budget: number, signal: AbortSignal): Promise<never> => {
      const ended = Promise.withResolvers<never>()
      signal.addEventListener('abort', () => ended.reject(signal.reason as Error))
      return ended.promise
    }
    run([worker('a', { step }), worker('b')], [worker('c')])
    await clock.pass(0)
    stop.abort(new Error('stop'))
    await expect(running).resolves.toBeUndefined()
    expect(steps).toEqual(['a', 'c'])
  })

  it('waits for a step that does not follow it', async () => {
    const held = Promise.withResolvers<StepResult>()
    run([worker('a', { step: () => held.promise })])
    await clock.pass(0)
    let hasEnded = false
    void running.then(() => (hasEnded = true))
    stop.abort(new Error('stop'))
    await clock.pass(0)
    expect(hasEnded).toBe(false)
    held.resolve({ did: 1 })
    await running
    expect(steps).toEqual(['a'])
  })

  it('comes with what no worker expected, in every lane', async () => {
    const bug = new Error('a bug')
    const broken = async (): Promise<StepResult> => {
      throw bug
    }
    run([worker('a', { step: broken })], [worker('b', { step: async () => ({ idleMs: 1e9, why: 'long' }) })])
    await expect(running).rejects.toBe(bug)
  })

  it('hides no bug that shows while it ends', async () => {
    const step = (_budget: number, signal: AbortSignal): Promise<never> => {
      const ended = Promise.withResolvers<never>()
      signal.addEventListener('abort', () => ended.reject(new Error('a bug')))
      return ended.promise
    }
    run([worker('a', { step })])
    await clock.pass(0)
    stop.abort(new Error('stop'))
    await expect(running).rejects.toThrow('a bug')
  })
})

it('takes no two workers of one name', () => {
  const lanes = [worker('a'), worker('a')].map((each) => ({ workers: [each], budget: 1 }))
  expect(() => new Runner({ clock, lanes })).toThrow('a name of its own')
})
