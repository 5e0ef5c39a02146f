/** What every {@link Clock} does. */
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type World, type WorldKind } from './worlds.ts'

export function clockContract(kind: WorldKind): void {
  describe(`Clock (${kind.name})`, () => {
    let world: World
    beforeEach(async () => (world = await kind.make()))
    afterEach(() => world.dispose())

    it('wakes sleepers in the order of their times, whenever they began', async () => {
      const { clock } = world
      const woken: number[] = []
      const sleep = async (ms: number): Promise<void> => {
        await clock.sleep(ms)
        woken.push(ms)
      }
      await world.run(() => Promise.all([sleep(60), sleep(1), sleep(30)]))
      expect(woken).toEqual([1, 30, 60])
    })

    it('lets monotonic time pass over a sleep, and never back', async () => {
      const { clock } = world
      const before = clock.monotonicMs()
      await world.run(() => clock.sleep(5))
      // Timers may be early by the part of a millisecond.
      expect(clock.monotonicMs()).toBeGreaterThanOrEqual(before + 4)
      expect(clock.wallMs()).toBeGreaterThan(Date.UTC(2025, 0, 1))
    })

    it('rejects with the reason of its signal, at once and also when it came before', async () => {
      const { clock } = world
      const controller = new AbortController()
      const reason = new Error('enough')
      await world.run(async () => {
        const sleeping = clock.sleep(1e9, controller.signal)
        controller.abort(reason)
        await expect(sleeping).rejects.toBe(reason)
        await expect(clock.sleep(1, controller.signal)).rejects.toBe(reason)
      })
    })

    it('leaves no listener on a signal that outlives the sleep', async () => {
      const { clock } = world
      const { signal } = new AbortController()
      await world.run(() => clock.sleep(1, signal))
      expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    })

    it('does not take a sleep beyond the range of a timer for a short one', async () => {
      const { clock } = world
      const controller = new AbortController()
      await world.run(async () => {
        const winner = await Promise.race([
          clock.sleep(2 ** 31 + 5, controller.signal).then(() => 'long'),
          clock.sleep(20).then(() => 'short'),
        ])
        expect(winner).toBe('short')
      })
    })

    it('ends a turn only after all promises that can go on have gone on', async () => {
      const { clock } = world
      const order: string[] = []
      await world.run(async () => {
        const turn = clock.turn().then(() => order.push('turn'))
        const chain = (async () => {
          for (let step = 0; step < 100; step += 1) await Promise.resolve()
          order.push('chain')
        })()
        await Promise.all([turn, chain])
      })
      expect(order).toEqual(['chain', 'turn'])
    })
  })
}
