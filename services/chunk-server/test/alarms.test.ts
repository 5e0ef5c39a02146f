/** Alarms of reads: each rings once when it is due, and one that sets another of no delay keeps nobody from his turn. */
import { ManualClock } from '@dfs/core/testing'
import { expect, it } from 'vitest'
import { Alarms, TICK_MS } from '../src/reading/alarms.ts'

it('rings each alarm once, when it is due', async () => {
  const clock = new ManualClock()
  const alarms = new Alarms(clock)
  const rung: string[] = []
  alarms.after(3 * TICK_MS, () => rung.push('late'))
  alarms.after(1, () => rung.push('soon'))
  await clock.advance(TICK_MS)
  expect(rung).toEqual(['soon'])
  await clock.advance(5 * TICK_MS)
  expect(rung).toEqual(['soon', 'late'])
})

it('rings none that was cancelled, not even by one that rings before it', async () => {
  const clock = new ManualClock()
  const alarms = new Alarms(clock)
  const rung: string[] = []
  alarms.after(1, () => {
    rung.push('first')
    second.cancel()
  })
  const second = alarms.after(1, () => rung.push('second'))
  await clock.advance(3 * TICK_MS)
  expect(rung).toEqual(['first'])
})

it('looks at what an alarm sets when it rings at the next tick, and no earlier', async () => {
  const clock = new ManualClock()
  const alarms = new Alarms(clock)
  const rungAtMs: number[] = []
  const startMs = clock.monotonicMs()
  const again = (): void => {
    rungAtMs.push(clock.monotonicMs() - startMs)
    if (rungAtMs.length < 3) alarms.after(0, again)
  }
  alarms.after(0, again)
  await clock.advance(10 * TICK_MS)
  expect(rungAtMs).toEqual([TICK_MS, 2 * TICK_MS, 3 * TICK_MS])
})
