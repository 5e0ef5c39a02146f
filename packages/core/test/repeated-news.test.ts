/** News is said once, then with its count, ever more rarely. */
import { expect, test } from 'vitest'
import { ManualClock } from './kit/index.ts'
import { withoutRepetition } from '../src/repeated-news.ts'
import { type Log, type LogFields } from '../src/log.ts'

function bench(): { log: Log; lines: string[]; pass: (ms: number) => void } {
  const clock = new ManualClock()
  const lines: string[] = []
  const note = (fields: LogFields, message: string): void =>
    void lines.push(
      `${clock.monotonicMs() / 1000} ${message}${fields['repeated'] === undefined ? '' : ` x${fields['repeated'] as number}`}`,
    )
  const log = withoutRepetition({ debug: note, info: note, warn: note, error: note }, clock)
  return { log, lines, pass: (ms) => clock.jump(ms) }
}

test('the same warning each second for a day is a few lines with their counts', () => {
  const { log, lines, pass } = bench()
  for (let second = 0; second < 24 * 3600; second += 1) {
    log.warn({ err: new Error('connect ECONNREFUSED') }, 'no answer')
    pass(1000)
  }
  expect(lines.slice(0, 4)).toEqual([
    '0 no answer',
    '60 no answer x60',
    '180 no answer x120',
    '420 no answer x240',
  ])
  expect(lines.length).toBeLessThan(32)
})

test('other news comes at once, also between repetitions', () => {
  const { log, lines } = bench()
  for (let round = 0; round < 3; round += 1) {
    log.warn({ err: new Error('refused') }, 'no answer')
    log.warn({ err: new Error('silence') }, 'no answer')
    log.error({ volume: 'a' }, 'damaged')
  }
  log.error({ volume: 'b' }, 'damaged')
  expect(lines).toEqual(['0 no answer', '0 no answer', '0 damaged', '0 damaged'])
})

test('news that was not heard of for a long time is new, and what was counted is not lost', () => {
  const { log, lines, pass } = bench()
  log.warn({}, 'late')
  log.warn({}, 'late')
  pass(3 * 3600_000)
  log.warn({}, 'late')
  log.warn({}, 'late')
  expect(lines).toEqual(['0 late', '10800 late x1'])
})

test('what is no news is never left out, and what is remembered is bounded', () => {
  const { log, lines } = bench()
  for (let count = 0; count < 3; count += 1) log.info({}, 'request')
  expect(lines).toHaveLength(3)
  for (let count = 0; count < 1000; count += 1) log.warn({ count }, 'each')
  log.warn({ count: 0 }, 'each')
  expect(lines, 'the first was forgotten, and is new').toHaveLength(1004)
})
