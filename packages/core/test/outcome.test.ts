import { expect, test } from 'vitest'
import { Outcome } from '../src/index.ts'

function outcome(): { outcome: Outcome<string>; letGo: () => number } {
  let letGoCount = 0
  return { outcome: new Outcome<string>(() => (letGoCount += 1)), letGo: () => letGoCount }
}

test('is the first of several, and what was kept for the others is let go once', async () => {
  const { outcome: one, letGo } = outcome()
  expect([one.isSettled, letGo()]).toEqual([false, 0])
  expect([one.resolve('first'), one.resolve('second'), one.reject(new Error('late'))]).toEqual([
    true,
    false,
    false,
  ])
  expect([one.isSettled, letGo(), await one.promise]).toEqual([true, 1, 'first'])
})

test('may be an error', async () => {
  const { outcome: one, letGo } = outcome()
  expect([one.reject(new Error('broken')), one.resolve('late')]).toEqual([true, false])
  await expect(one.promise).rejects.toThrow('broken')
  expect(letGo()).toBe(1)
})

test('hears of an abort before it is settled, and of none afterwards', async () => {
  const [before, after] = [new AbortController(), new AbortController()]
  const aborted = outcome().outcome
  aborted.abortedBy(before.signal, () => aborted.reject(new Error('aborted')))
  before.abort()
  await expect(aborted.promise).rejects.toThrow('aborted')

  let heard = 0
  const settled = outcome().outcome
  settled.abortedBy(after.signal, () => (heard += 1))
  settled.resolve('done')
  after.abort()
  expect([heard, await settled.promise]).toEqual([0, 'done'])
})

test('hears of an abort that came before it', async () => {
  const { outcome: one } = outcome()
  one.abortedBy(AbortSignal.abort(), () => one.reject(new Error('aborted')))
  await expect(one.promise).rejects.toThrow('aborted')
})
