/** Shrinking finds the faults that matter, and no others, in few runs. */
import { expect, test } from 'vitest'
import { type Fault } from '../faults/fault-plan.ts'
import { shrinkFaults } from './shrink.ts'

const faults = Array.from({ length: 16 }, (_, id): Fault => {
  return { id, kind: 'pause', nodes: [1], atMs: id, lastsMs: 1 }
})

/** Fails while all of `needed` are there. */
const failsWith = (needed: readonly number[]) => {
  let runs = 0
  const attempt = async (some: readonly Fault[]): Promise<string | null> => {
    runs += 1
    return needed.every((id) => some.some((fault) => fault.id === id)) ? `after ${runs} runs` : null
  }
  return { attempt, runsCount: () => runs }
}

test.each([[[]], [[0]], [[15]], [[3, 12]], [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]]])(
  'leaves the faults %j',
  async (needed) => {
    const { attempt, runsCount } = failsWith(needed)
    const shrunk = await shrinkFaults(faults, attempt, () => undefined)
    expect(shrunk.faults.map(({ id }) => id)).toEqual(needed)
    expect(shrunk.reason).toMatch(/^after/)
    expect(runsCount()).toBeLessThan(50)
  },
)
