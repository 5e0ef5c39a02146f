/**
 * A service without a job, for the tests of the launcher: it listens where it is told, answers the health questions,
 * writes log lines, and misbehaves when a file in its data directory says so.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

const name = process.env['DFS_NAME']!
const directory = join(process.env['STUB_DIRECTORY']!, name)
mkdirSync(directory, { recursive: true })
const keyFile = process.env['DFS_CLUSTER_KEY_FILE']
if (name === 'master' && keyFile !== undefined && !existsSync(keyFile)) writeFileSync(keyFile, 'key')
if (name !== 'master' && keyFile !== undefined && !existsSync(keyFile))
  throw new Error('started before the master')

log(30, `${name} starts`)
if (existsSync(join(directory, 'die-at-start'))) {
  process.stderr.write('Error: the disk of this stub is on fire\n')
  process.exit(1)
}

const server = createServer((request, response) => {
  const isReady = request.url !== '/readyz' || !existsSync(join(directory, 'never-ready'))
  response.statusCode = isReady ? 200 : 503
  const missing = existsSync(join(directory, 'lacks-copies')) ? 'writes get 2 of 3 copies' : undefined
  response.end(JSON.stringify({ pid: process.pid, port: process.env['DFS_PORT'], missing }))
  if (request.url === '/warn') log(40, 'a warning for the terminal')
  if (request.url === '/die') process.exit(3)
})
server.listen(Number(process.env['DFS_PORT']), '127.0.0.1')

process.once('SIGTERM', () => {
  writeFileSync(join(directory, 'stopped-in-order'), String(process.pid))
  log(30, `${name} stops`)
  server.close()
  server.closeAllConnections()
})

function log(level: number, message: string): void {
  process.stdout.write(`${JSON.stringify({ level, time: 0, msg: message })}\n`)
}
