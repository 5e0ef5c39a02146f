#!/usr/bin/env node
/** The process around the program: arguments, environment, streams, signals, exit code. */
import { NodeClock, NodeRandom } from '@dfs/node-runtime'
import packageJson from '../package.json' with { type: 'json' }
import { EXIT } from './exit-codes.ts'
import { runProgram } from './program.ts'

const interruption = new AbortController()
let isInterrupted = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // The second one does not wait for anything.
    if (isInterrupted) process.exit(EXIT.interrupted)
    isInterrupted = true
    interruption.abort(new Error('interrupted'))
  })
}

// The reader of a pipe has seen enough: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(EXIT.ok)
})

const exitCode = await runProgram({
  argv: process.argv.slice(2),
  defaultUrl: process.env['DFS_URL'],
  version: packageJson.version,
  clock: new NodeClock(),
  random: new NodeRandom(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
})
process.exitCode = exitCode
// An unread standard input would keep the process alive.
process.stdin.destroy()
