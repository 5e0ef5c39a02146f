import { DeadlineError, withDeadline } from '@dfs/core'
import { describe, expect, it } from 'vitest'
import { ManualClock } from './kit/index.ts'

describe('withDeadline', () => {
  it('passes on the result and ends its sleep, so that no timer outlives the work', async () => {
    const clock = new ManualClock()
    expect(await withDeadline(clock, 5, async () => 'done')).toBe('done')
    await Promise.resolve()
    expect(clock.sleepersCount).toBe(0)
  })

  it("passes on the work's own error", async () => {
    const clock = new ManualClock()
    const error = new Error('broken')
    await expect(withDeadline(clock, 5, () => Promise.reject(error))).rejects.toBe(error)
    expect(clock.sleepersCount).toBe(0)
  })

  it('rejects and aborts the work when the time is over, even if the work never follows it', async () => {
    const clock = new ManualClock()
    const signals: AbortSignal[] = []
    const outcome = withDeadline(clock, 5, (signal) => {
      signals.push(signal)
      return new Promise<never>(() => {})
    })
    clock.jump(5)
    await expect(outcome).rejects.toBeInstanceOf(DeadlineError)
    expect(signals[0]?.reason).toBeInstanceOf(DeadlineError)
  })

  it('does not abort the signal of work that has ended in time', async () => {
    const clock = new ManualClock()
    const signal = await withDeadline(clock, 5, async (given) => given)
    clock.jump(5)
    await Promise.resolve()
    expect(signal.aborted).toBe(false)
  })
})
