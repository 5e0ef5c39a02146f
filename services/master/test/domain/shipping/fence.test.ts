/** When a master acknowledges nothing more (R25), and how many holders are enough for what. */
import { describe, expect, it } from 'vitest'
import { CommitTimes } from '../../../src/domain/shipping/commit-times.ts'
import { type FenceView, type HolderVoice, whyFenced } from '../../../src/domain/shipping/fence.ts'
import { enoughToChange, mostOf, reachedBy } from '../../../src/domain/shipping/quorum.ts'
import { isRenewalDue } from '../../../src/domain/shipping/renewal.ts'

const heard = (confirmedAtMs: number | null, isRefusing = false): HolderVoice => ({
  confirmedAtMs,
  isRefusing,
})

const fence = (holders: readonly HolderVoice[], more: Partial<FenceView> = {}): string | null =>
  whyFenced({ holders, unplacedSinceMs: 50_000, nowMs: 60_000, ...more })

describe('the fence', () => {
  it('falls when most of three are silent for 5 s', () => {
    expect(fence([heard(54_000), heard(54_900), heard(60_000)])).toContain('for 5 s fewer than 2 of 3')
    expect(fence([heard(1000), heard(55_100), heard(60_000)]), 'one is silent').toBeNull()
  })

  it('stands while there is nothing to place, or not for so long', () => {
    const silent = [heard(1000), heard(1000), heard(1000)]
    expect(fence(silent, { unplacedSinceMs: null })).toBeNull()
    expect(fence(silent, { unplacedSinceMs: 55_500 })).toBeNull()
    expect(fence(silent, { unplacedSinceMs: 55_000 })).not.toBeNull()
  })

  it('says nothing with fewer than three, unless it is asked to', () => {
    expect(fence([heard(1000), heard(1000)])).toBeNull()
    expect(fence([heard(1000)], { from: 1 })).not.toBeNull()
    expect(fence([], { from: 1 })).toBeNull()
  })

  it('falls no later after a start that most have never heard', () => {
    const start = { unplacedSinceMs: 0 }
    const voices = [heard(null), heard(null), heard(4000)]
    expect(fence(voices, { ...start, nowMs: 4900 })).toBeNull()
    expect(fence(voices, { ...start, nowMs: 5000 })).toContain('for 5 s fewer than 2 of 3')
    expect(fence([heard(null), heard(3000), heard(4000)], { ...start, nowMs: 5000 })).toBeNull()
  })

  it('falls at once when most obey a newer start, however few there are', () => {
    const now = { unplacedSinceMs: null }
    expect(fence([heard(60_000, true), heard(60_000, true), heard(60_000)], now)).toContain('newer start')
    expect(fence([heard(60_000, true), heard(60_000), heard(60_000)], now)).toBeNull()
    expect(fence([heard(60_000, true)], now)).toContain('newer start')
    expect(fence([heard(60_000, true), heard(60_000)], now)).toBeNull()
  })
})

describe('how many are enough', () => {
  it('most of them, and for a change so many that every majority meets one', () => {
    expect([0, 1, 2, 3].map(mostOf)).toEqual([0, 1, 2, 2])
    expect([0, 1, 2, 3].map(enoughToChange)).toEqual([0, 1, 1, 2])
    for (const count of [1, 2, 3]) expect(mostOf(count) + enoughToChange(count)).toBeGreaterThan(count)
  })

  it('what so many have come to', () => {
    expect(reachedBy([5, 9, 7], 2)).toBe(7)
    expect(reachedBy([5, -1], 2)).toBe(-1)
    expect(reachedBy([5], 2)).toBe(-1)
    expect(reachedBy([], 0)).toBe(Infinity)
  })
})

describe('a renewal', () => {
  it('is due when the change sets are half the database, and 16 MiB at least', () => {
    const mib = 2 ** 20
    const isDue = (changes: number, database: number): boolean =>
      isRenewalDue(changes * mib, database * mib, 16 * mib)
    expect(isDue(16, 0)).toBe(false)
    expect(isDue(17, 32)).toBe(true)
    expect(isDue(20, 100)).toBe(false)
    expect(isDue(51, 100)).toBe(true)
  })
})

describe('when transactions were committed', () => {
  it('is known of what is behind a transaction', () => {
    const times = new CommitTimes()
    times.note(5, 100)
    times.note(9, 200)
    expect([4, 5, 8, 9].map((sequence) => times.sinceMs(sequence))).toEqual([100, 200, 200, null])
    times.forget(5)
    expect(times.sinceMs(0)).toBe(200)
    times.forget(9)
    expect(times.sinceMs(0)).toBeNull()
  })

  it('is never younger than it is when much is remembered', () => {
    const times = new CommitTimes()
    for (let sequence = 1; sequence <= 10_000; sequence += 1) times.note(sequence, sequence)
    for (const behind of [0, 1, 777, 5000, 9998]) {
      expect(times.sinceMs(behind)).toBeLessThanOrEqual(behind + 1)
      expect(times.sinceMs(behind)).toBeGreaterThan(behind - 5000)
    }
    expect(times.sinceMs(10_000)).toBeNull()
  })
})
