import { InvariantError } from '@dfs/core'
import { ManualClock } from '@dfs/core/testing'
import { expect, test } from 'vitest'
import { checkHistory, formatHistory, HistoryError, HistoryRecorder, parseHistory } from '../src/index.ts'
import { found, list, names, ok, put, read, remove, timeout } from './write-history.ts'

/** It stands still, as the simulator's does while one event runs. */
const standingClock = new ManualClock()

test('operations one after the other do not overlap, even if the clock stands still', () => {
  const recorder = new HistoryRecorder(standingClock)
  recorder.begin('a', put('/a', 'v1')).end(ok(201))
  recorder.begin('b', read('/a')).end(ok(404))
  expect(checkHistory(recorder.history()).verdict).toBe('violation')
})

test('operations that overlap are recorded as such', () => {
  const recorder = new HistoryRecorder(standingClock)
  const write = recorder.begin('a', put('/a', 'v1'))
  recorder.begin('b', read('/a')).end(ok(404))
  write.end(ok(201))
  expect(checkHistory(recorder.history()).verdict).toBe('linearizable')
})

test('what never ended has an unknown outcome', () => {
  const recorder = new HistoryRecorder(standingClock)
  recorder.begin('a', put('/a', 'v1'))
  recorder.begin('b', read('/a')).end(found('v1'))
  const history = recorder.history()
  expect(history[0]).toMatchObject({ returnMs: null, outcome: { kind: 'unknown' } })
  expect(checkHistory(history).verdict).toBe('linearizable')
})

test('an operation ends once, and a full recorder says so', () => {
  const recorder = new HistoryRecorder(standingClock, { entriesMax: 1 })
  const call = recorder.begin('a', read('/a'))
  call.end(ok(404))
  expect(() => call.end(ok(404))).toThrow(InvariantError)
  expect(() => recorder.begin('a', read('/a'))).toThrow(HistoryError)
})

test('an operation that is decided is over then, however late its answer is complete', () => {
  const clock = new ManualClock()
  const recorder = new HistoryRecorder(clock)
  const call = recorder.begin('a', read('/a'))
  clock.jump(10)
  call.decided()
  clock.jump(5000)
  call.decided()
  call.end(ok(200, { value: 'v1', etag: '"1"' }))
  expect(recorder.history()[0]!.returnMs).toBe(10)
})

test('a history written as lines reads back the same', () => {
  const recorder = new HistoryRecorder(standingClock)
  recorder.begin('a', put('/a', 'v1', '"1"')).end(ok(412))
  recorder.begin('a', { kind: 'put', name: '/a', value: 'v2', ifNoneMatch: '*' }).end(timeout)
  recorder.begin('a', { kind: 'create', name: '/b', value: 'v3' }).end({ kind: 'refused', reason: 'locked' })
  recorder.begin('a', read('/a')).end(ok(200, { value: 'v2', etag: '"2"' }))
  recorder.begin('a', remove('/a', '*')).end(ok(204))
  recorder.begin('a', { kind: 'rename', from: '/a', to: '/b' }).end(ok(404))
  recorder.begin('a', list('/')).end(names('/a', '/b'))
  recorder.begin('a', read('/a'))
  expect(parseHistory(formatHistory(recorder.history()))).toEqual(recorder.history())
})

const entry = (operation: unknown, outcome: unknown, times: object = {}): string =>
  JSON.stringify({ client: 'a', callMs: 1, returnMs: 2, operation, outcome, ...times })

test.each([
  ['not JSON', '{'],
  ['not an object', '[]'],
  ['an unknown operation', entry({ kind: 'truncate', name: '/a' }, ok(200))],
  ['an unknown outcome', entry(read('/a'), { kind: 'maybe' })],
  ['a read that found nothing it can name', entry(read('/a'), ok(200))],
  ['a status that is no answer', entry(read('/a'), ok(201))],
  ['412 without a precondition', entry(put('/a', 'v1'), ok(412))],
  ['409 to a put that may replace', entry(put('/a', 'v1'), ok(409))],
  ['a return before the call', entry(read('/a'), ok(404), { returnMs: 0 })],
  ['an answer without a return', entry(read('/a'), ok(404), { returnMs: null })],
  ['a time that is no number', entry(read('/a'), ok(404), { callMs: '1' })],
  ['a listing without names', entry(list('/'), ok(200))],
  ['an empty value', entry(put('/a', ''), ok(201))],
  ['one value written twice', `${entry(put('/a', 'v1'), ok(201))}\n${entry(put('/b', 'v1'), ok(201))}`],
])('a recorder that writes %s is told so', (_mistake, text) => {
  expect(() => parseHistory(text)).toThrow(HistoryError)
})
