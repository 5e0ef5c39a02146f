/** A small service for the tests of the process's end; its argument says how it ends. */
import { type Clock } from '@dfs/core'
import { ConfigError, createLog, RefusalError, runProcess } from '../../src/index.ts'

const clock: Clock = {
  wallMs: () => 0,
  monotonicMs: () => 0,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms)
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(signal.reason as Error)
      })
    }),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}
const log = createLog({ clock, level: 'info', format: 'json', service: 'test' })
const mode = process.argv[2]

runProcess({ clock, log, drainDeadlineMs: 20_000, stopDeadlineMs: 20_000 }, async (lifecycle) => {
  if (mode === 'config') throw new ConfigError(['DFS_PORT is not set'])
  if (mode === 'refuse') throw new RefusalError('the data is of another cluster')
  if (mode === 'fail') throw new Error('no such device')
  const held = setInterval(() => {}, 60_000)
  await lifecycle.step('open the store', () => {})
  lifecycle.onStop('stores', 'store', () => {
    log.info({}, 'closing the store')
    clearInterval(held)
  })
  if (mode === 'hang') {
    lifecycle.onStop('drain', 'requests', () => {
      log.info({}, 'hanging')
      return new Promise(() => {})
    })
  }
  log.info({}, 'ready')
  if (mode === 'throw') {
    setImmediate(() => {
      throw new Error('never caught')
    })
  }
  if (mode === 'refuse later') {
    setImmediate(() => {
      throw new RefusalError('the data is of another cluster')
    })
  }
  if (mode === 'reject') void Promise.reject(new Error('never handled'))
})
