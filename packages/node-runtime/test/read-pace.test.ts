/** One slow read is waited for on the calling thread, not a row of them. */
import { expect, it } from 'vitest'
import { ReadPace } from '../src/disk/read-pace.ts'

it('is quick at first, and slow for a second after each slow read', () => {
  const pace = new ReadPace()
  expect(pace.isQuick(0)).toBe(true)
  pace.note(19, 10)
  expect(pace.isQuick(10)).toBe(true)
  pace.note(20, 100)
  expect([pace.isQuick(100), pace.isQuick(1099), pace.isQuick(1100)]).toEqual([false, false, true])
  pace.note(500, 1100)
  expect([pace.isQuick(2099), pace.isQuick(2100)]).toEqual([false, true])
})
