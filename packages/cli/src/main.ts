#!/usr/bin/env node
/** The process around the program: arguments, environment, streams, signals, exit code. */
import { createReadStream, fstatSync } from 'node:fs'
import { type Readable } from 'node:stream'
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

/** Node has nothing but an empty stream for what it does not know: a directory, which is an error, and a block device. */
function standardInput(): Readable {
  const stats = fstatSync(0)
  return stats.isDirectory() || stats.isBlockDevice() ? createReadStream('', { fd: 0 }) : process.stdin
}

// In `ps` and `top`.
process.title = ['dfs', ...process.argv.slice(2)].join(' ')
const stdin = standardInput()
const exitCode = await runProgram({
  argv: process.argv.slice(2),
  defaultUrl: process.env['DFS_URL'],
  clusterKeyFile: process.env['DFS_CLUSTER_KEY_FILE'],
  version: packageJson.version,
  clock: new NodeClock(),
  random: new NodeRandom(),
  stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
})
// A read of a pipe to which nobody writes cannot be taken back, and would keep an interrupted process alive.
if (exitCode === EXIT.interrupted) process.exit(exitCode)
process.exitCode = exitCode
// An unread standard input would keep the process alive.
stdin.destroy()
