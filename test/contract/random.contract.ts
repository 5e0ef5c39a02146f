/** What every {@link Random} does. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type World, type WorldKind } from './worlds.ts'

export function randomContract(kind: WorldKind): void {
  describe(`Random (${kind.name})`, () => {
    let world: World
    beforeEach(async () => (world = await kind.make()))
    afterEach(() => world.dispose())

    it('draws integers from 0 up to below its bound, for every bound', () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 2 ** 32 }), (below) => {
          const drawn = world.random.int(below)
          expect(Number.isInteger(drawn) && drawn >= 0 && drawn < below).toBe(true)
        }),
      )
    })

    it.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('refuses %s as a bound', (below) => {
      expect(() => world.random.int(below)).toThrow('no integers below')
    })

    it('draws every value of a small range about equally often', () => {
      const counts = [0, 0, 0]
      for (let draw = 0; draw < 3000; draw += 1) counts[world.random.int(3)]! += 1
      // Ten standard deviations around a thousand: chance alone never fails this.
      for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(260)
    })

    it('gives as many bytes as asked, other ones each time, in memory of the caller', () => {
      const [first, second] = [world.random.bytes(33), world.random.bytes(33)]
      expect([first.byteLength, second.byteLength]).toEqual([33, 33])
      expect(first).not.toEqual(second)
      expect(first.buffer).not.toBe(second.buffer)
      expect(world.random.bytes(0)).toHaveLength(0)
    })

    it('forks streams that differ by their label', () => {
      const [left, right] = [world.random.fork('left'), world.random.fork('right')]
      expect(left.bytes(16)).not.toEqual(right.bytes(16))
    })
  })
}
