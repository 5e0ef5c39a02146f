import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { EventQueue, type SimEvent } from '../src/event-queue.ts'
import { simNode, SimNetwork, SimRandom, Simulation } from '../src/index.ts'

/** A run with nodes, calls, disks and chance in it; its hash covers all of them. */
async function trace(seed: string): Promise<string> {
  const simulation = new Simulation(seed)
  const network = new SimNetwork(simulation)
  network.defaultLink = { ...network.defaultLink, lossRatio: 0.1, duplicateRatio: 0.1, reorderRatio: 0.1 }
  const [one, two] = [simNode(network, 'one').runtime, simNode(network, 'two').runtime]
  await simulation.complete(async () => {
    const file = await two.disk.open('log', 'create')
    await two.transport.serve(
      async ({ body }) => {
        await file.appendv(body)
        await file.sync()
        return { ok: true, body: [] }
      },
      ['POST /v1/x'],
    )
    for (let count = 0; count < 20; count += 1) {
      const body = [one.random.bytes(100)]
      const call = one.transport.call('two', { route: 'POST /v1/x', params: {}, body }, { timeoutMs: 50 })
      await Promise.allSettled([call, one.clock.sleep(one.random.int(5))])
    }
  })
  return simulation.traceHash()
}

describe('Simulation', () => {
  it('does the same again from the same seed, and something else from another', async () => {
    const [first, again, other] = [await trace('1'), await trace('1'), await trace('2')]
    expect(again).toBe(first)
    expect(other).not.toBe(first)
  })

  it('moves time from event to event only, and up to its limit', async () => {
    const simulation = new Simulation('time')
    const { clock } = simNode(new SimNetwork(simulation), 'node').runtime
    const wokenAt: number[] = []
    void clock.sleep(86_400_000).then(() => wokenAt.push(clock.monotonicMs()))
    await simulation.run({ untilMs: 1000 })
    expect([simulation.nowMs, wokenAt]).toEqual([1000, []])
    await simulation.run()
    expect(wokenAt).toEqual([86_400_000])
  })

  it('fails when nobody handles a rejection', async () => {
    const simulation = new Simulation('rejection')
    const error = new Error('forgotten')
    simulation.schedule(5, 'reject', () => void Promise.reject(error))
    await expect(simulation.run()).rejects.toBe(error)
  })

  it('leaves the listeners of the process for unhandled rejections as they were', async () => {
    const before = process.listeners('unhandledRejection')
    await new Simulation('listeners').run()
    expect(process.listeners('unhandledRejection')).toEqual(before)
  })

  it('fails when an event throws, and when work waits for nothing that will happen', async () => {
    const simulation = new Simulation('failures')
    const error = new Error('broken')
    simulation.schedule(1, 'throw', () => {
      throw error
    })
    await expect(simulation.run()).rejects.toBe(error)
    await expect(simulation.complete(() => new Promise(() => {}))).rejects.toThrow('deadlock')
  })

  it('holds on to nothing that a dead node was waiting for', async () => {
    const simulation = new Simulation('memory')
    const node = simNode(new SimNetwork(simulation), 'node')
    const { signal } = new AbortController()
    const { clock } = node.runtime
    void clock.sleep(1000, signal)
    await simulation.complete(() => clock.sleep(1, signal))
    expect(getEventListeners(signal, 'abort').length, 'the one that is under way').toBe(1)
    node.crash()
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('does not do what was cancelled', async () => {
    const simulation = new Simulation('cancel')
    const done: string[] = []
    const first = simulation.schedule(1, 'first', () => done.push('first'))
    simulation.schedule(1, 'second', () => done.push('second'))
    first.cancel()
    await simulation.run()
    expect(done).toEqual(['second'])
  })
})

describe('EventQueue', () => {
  it('gives events by time, and in their order at one time', () => {
    const random = new SimRandom('queue')
    const queue = new EventQueue()
    const events = Array.from({ length: 500 }, (_, sequence): SimEvent => {
      return { timeMs: random.int(50), sequence, life: null, label: '', action: null }
    })
    for (const event of events) queue.push(event)
    const popped = events.map(() => queue.pop())
    expect(popped).toEqual(events.toSorted((a, b) => a.timeMs - b.timeMs || a.sequence - b.sequence))
    expect(queue.pop()).toBeNull()
  })
})

describe('SimRandom', () => {
  it('gives forks that the draws of their parent do not shift', () => {
    const [quiet, busy] = [new SimRandom('seed'), new SimRandom('seed')]
    busy.bytes(100)
    expect(busy.fork('child').bytes(32)).toEqual(quiet.fork('child').bytes(32))
  })

  it('sets about half of all bits, at every position', () => {
    const random = new SimRandom('bits')
    const counts = Array.from({ length: 32 }, () => 0)
    for (let draw = 0; draw < 4000; draw += 1) {
      const word = random.int(2 ** 32)
      for (const bit of counts.keys()) counts[bit]! += Math.floor(word / 2 ** bit) % 2
    }
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200)
  })
})
