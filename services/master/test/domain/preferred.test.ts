import { describe, expect, it } from 'vitest'
import { choosePreferred, type Coordinator } from '../../src/domain/preferred.ts'

const coordinator = (server: number, change: Partial<Coordinator> = {}): Coordinator => ({
  server,
  liveness: 'alive',
  canWrite: true,
  ...change,
})

describe('the preferred coordinator', () => {
  it('is the lowest id at first, and stays while it is alive', () => {
    expect(choosePreferred(null, [coordinator(2), coordinator(1)])).toBe(1)
    expect(choosePreferred(2, [coordinator(1), coordinator(2)])).toBe(2)
  })

  it('changes at once when it is suspect, and does not change back', () => {
    const next = choosePreferred(1, [coordinator(1, { liveness: 'suspect' }), coordinator(2)])
    expect(next).toBe(2)
    expect(choosePreferred(next, [coordinator(1), coordinator(2)])).toBe(2)
  })

  it('is one that can take writes, if there is one (R18)', () => {
    const cutOff = coordinator(1, { canWrite: false })
    expect(choosePreferred(1, [cutOff, coordinator(2)])).toBe(2)
    expect(choosePreferred(null, [cutOff])).toBe(1)
  })

  it('is nobody if nobody is alive', () => {
    expect(choosePreferred(1, [coordinator(1, { liveness: 'dead' })])).toBe(null)
    expect(choosePreferred(1, [])).toBe(null)
  })
})
