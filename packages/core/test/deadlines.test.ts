/** Each moment is met to the millisecond, whatever was added and forgotten around it. */
import { type Clock, Deadlines } from '@dfs/core'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { beforeEach, describe, expect, it } from 'vitest'

let simulation: Simulation
let clock: Clock
let deadlines: Deadlines

beforeEach(() => {
  simulation = new Simulation('deadlines')
  clock = simNode(new SimNetwork(simulation), 'node').runtime.clock
  deadlines = new Deadlines(clock)
})

const pass = (ms: number): Promise<void> => simulation.run({ untilMs: simulation.nowMs + ms })

it('meets each of many moments, in whatever order they were added', async () => {
  const random = simulation.random.fork('moments')
  const met: number[] = []
  const wanted: number[] = []
  for (let count = 0; count < 300; count += 1) {
    const atMs = clock.monotonicMs() + random.int(5000)
    const due = deadlines.add(atMs, () => {
      expect(clock.monotonicMs()).toBe(atMs)
      met.push(atMs)
    })
    if (random.chance(0.5)) deadlines.forget(due)
    else wanted.push(atMs)
    await pass(random.int(20))
  }
  await pass(5000)
  expect(met).toEqual(wanted.toSorted((a, b) => a - b))
})

it('does at once what was due before, and forgets what another one that is due has forgotten', async () => {
  const done: string[] = []
  const atMs = clock.monotonicMs()
  deadlines.add(atMs - 5, () => {
    done.push('first')
    deadlines.forget(second)
  })
  const second = deadlines.add(atMs - 5, () => done.push('second'))
  await pass(0)
  expect(done).toEqual(['first'])
})

describe('work within a time', () => {
  const late = (): Error => new Error('late')

  it('has its own outcome, and leaves nothing behind', async () => {
    const atMs = clock.monotonicMs() + 100
    await expect(deadlines.within(atMs, Promise.resolve(1), late)).resolves.toBe(1)
    await expect(deadlines.within(atMs, Promise.reject(new Error('failed')), late)).rejects.toThrow('failed')
    let calls = 0
    await deadlines.within(atMs, Promise.resolve(), () => {
      calls += 1
      return late()
    })
    await pass(200)
    expect(calls).toBe(0)
  })

  it('is late at that moment, and what comes of it afterwards is dropped', async () => {
    const fromMs = clock.monotonicMs()
    const work = Promise.withResolvers<void>()
    const outcome = deadlines.within(fromMs + 100, work.promise, late).catch((error: unknown) => error)
    expect(await simulation.complete(() => outcome)).toMatchObject({ message: 'late' })
    expect(clock.monotonicMs()).toBe(fromMs + 100)
    work.reject(new Error('much later'))
    await pass(10)
  })
})
