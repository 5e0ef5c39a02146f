import { describe, expect, test } from 'vitest'
import { type Avoidance, avoidLonger, isAvoided } from '../src/index.ts'

const LIMITS = { firstMs: 1000, msMax: 5000 }

describe('what failed is avoided', () => {
  test('twice as long after each further failure, up to the most', () => {
    let avoidance: Avoidance | undefined
    const lastedMs: number[] = []
    for (let failure = 0; failure < 5; failure += 1) {
      avoidance = avoidLonger(avoidance, LIMITS, avoidance?.untilMs ?? 100)
      lastedMs.push(avoidance.forMs)
    }
    expect(lastedMs).toEqual([1000, 2000, 4000, 5000, 5000])
  })

  test('until its time, and not at it', () => {
    const avoidance = avoidLonger(undefined, LIMITS, 100)
    expect([1099, 1100].map((nowMs) => isAvoided(avoidance, nowMs))).toEqual([true, false])
    expect(isAvoided(undefined, 100)).toBe(false)
  })

  test('no longer for failures of calls that had begun before', () => {
    const first = avoidLonger(undefined, LIMITS, 100)
    expect(avoidLonger(first, LIMITS, 1099)).toEqual({ forMs: 1000, untilMs: 1100 })
    expect(avoidLonger(first, LIMITS, 1100)).toEqual({ forMs: 2000, untilMs: 3100 })
  })
})
