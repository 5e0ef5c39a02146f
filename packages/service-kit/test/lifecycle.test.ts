import { ManualClock } from '@dfs/core/testing'
import { expect, test } from 'vitest'
import { Lifecycle, type StopPhase } from '../src/index.ts'

function newLifecycle(clock = new ManualClock()) {
  const failed: unknown[] = []
  const note = (fields: object): void => {
    if ('step' in fields) failed.push(fields.step)
  }
  const log = { debug() {}, info() {}, warn() {}, error: note, counts: { warn: 0, error: 0 }, flush() {} }
  return { lifecycle: new Lifecycle({ clock, log, drainDeadlineMs: 50, stopDeadlineMs: 100 }), failed }
}

test('is ready only after its steps, and says what it waits for', async () => {
  const { lifecycle } = newLifecycle()
  await lifecycle.step('open the volumes', () => {
    expect(lifecycle.notReadyReason()).toBe('starting: open the volumes')
  })
  lifecycle.ready()
  expect(lifecycle.notReadyReason()).toBeNull()
})

test('stops by phases, the latest made first in each, and once', async () => {
  const { lifecycle } = newLifecycle()
  const order: string[] = []
  const add = (phase: StopPhase, name: string) =>
    lifecycle.onStop(phase, name, () => {
      expect(lifecycle.notReadyReason()).toBe('draining')
      order.push(name)
    })
  add('stores', 'database')
  add('clients', 'first client')
  add('clients', 'second client')
  add('drain', 'requests')
  add('listeners', 'port')
  add('announce', 'farewell')
  lifecycle.ready()
  expect(await Promise.all([lifecycle.stop('a'), lifecycle.stop('b')])).toEqual([true, true])
  expect(order).toEqual(['farewell', 'port', 'requests', 'second client', 'first client', 'database'])
  expect(lifecycle.state).toBe('closed')
})

test('what fails or hangs is reported, and the rest is stopped all the same', async () => {
  const { lifecycle, failed } = newLifecycle(new ManualClock({ pauseMsMax: 50 }))
  let isStoreClosed = false
  lifecycle.onStop('announce', 'farewell', () => Promise.reject(new Error('the master is gone')))
  lifecycle.onStop('drain', 'requests', () => new Promise(() => {}))
  lifecycle.onStop('stores', 'database', () => {
    isStoreClosed = true
  })
  expect(await lifecycle.stop('test')).toBe(false)
  expect(failed).toEqual(['farewell', 'requests'])
  expect(isStoreClosed).toBe(true)
})

test('a stop during the start ends the start at its next step', async () => {
  const { lifecycle } = newLifecycle()
  await lifecycle.stop('SIGTERM')
  await expect(lifecycle.step('listen', () => {})).rejects.toThrow('cannot listen: closed')
  lifecycle.ready()
  expect(lifecycle.state).toBe('closed')
})
