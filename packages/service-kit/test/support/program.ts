/** A small service for the tests of the process's end; its argument says how it ends. */
import { NodeClock } from '@dfs/node-runtime'
import Type from 'typebox'
import { RefusalError, runService } from '../../src/index.ts'

const mode = process.argv[2]
const PORT = { DFS_PORT: '7070', DFS_LOG_LEVEL: mode === 'quiet' ? 'error' : '' }
const SERVICE = {
  service: 'test',
  schema: Type.Object({ port: Type.Integer(), logLevel: Type.Optional(Type.String()) }),
  clock: new NodeClock(),
  drainDeadlineMs: 20_000,
  stopDeadlineMs: 20_000,
  env: mode === 'config' ? { DFS_PROT: '7070' } : mode === 'misspelt' ? { ...PORT, DFS_PROT: '1' } : PORT,
  isTerminal: false,
}

runService(SERVICE, async ({ lifecycle, config, log }) => {
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
  log.info({ port: config.port }, 'ready')
  if (mode === 'quiet' || mode === 'misspelt') throw new Error('no such device')
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
