import { describe, expect, it } from 'vitest'
import { type Hearing, livenessOf, silenceMs } from '../../src/domain/liveness.ts'

const limits = { suspectAfterMs: 4000, deadAfterMs: 20_000 }
const hearing = (change: Partial<Hearing>): Hearing => ({
  heardAtMs: 100_000,
  startedAtMs: 50_000,
  nowMs: 100_000,
  hasMajority: true,
  isGone: false,
  ...change,
})

describe('liveness', () => {
  it.each([
    [0, 'alive'],
    [3999, 'alive'],
    [4000, 'suspect'],
    [19_999, 'suspect'],
    [20_000, 'dead'],
  ])('after %i ms of silence a server is %s', (silentForMs, liveness) => {
    expect(livenessOf(hearing({ nowMs: 100_000 + silentForMs }), limits)).toBe(liveness)
  })

  it('gives a server that was never heard full grace from the start of the master, and never calls it alive (R21)', () => {
    const never = (nowMs: number) => livenessOf(hearing({ heardAtMs: null, nowMs }), limits)
    expect(never(50_000)).toBe('suspect')
    expect(never(69_999)).toBe('suspect')
    expect(never(70_000)).toBe('dead')
  })

  it('calls nobody dead before a majority has reported (R6)', () => {
    expect(livenessOf(hearing({ heardAtMs: null, nowMs: 1e9, hasMajority: false }), limits)).toBe('suspect')
    expect(livenessOf(hearing({ nowMs: 1e9, hasMajority: false }), limits)).toBe('suspect')
  })

  it('calls one dead at once whose end is known, whatever was heard', () => {
    expect(livenessOf(hearing({ isGone: true, hasMajority: false }), limits)).toBe('dead')
  })

  it('measures silence from the last hearing', () => {
    expect(silenceMs(hearing({ nowMs: 100_500 }))).toBe(500)
    expect(silenceMs(hearing({ heardAtMs: null, nowMs: 50_200 }))).toBe(200)
  })
})
