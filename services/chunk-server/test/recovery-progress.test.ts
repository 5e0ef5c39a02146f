/** What the log of a start says of its recovery, and how often. */
import { type Clock, type Log, type LogFields, silentLog } from '@dfs/core'
import { expect, test } from 'vitest'
import { RecoveryProgress } from '../src/volume/recovery-progress.ts'

const MIB = 1024 * 1024

function start(copies: number) {
  let nowMs = 5000
  const clock = { monotonicMs: () => nowMs } as Clock
  const lines: LogFields[] = []
  const log: Log = { ...silentLog, info: (fields) => lines.push(fields) }
  return {
    progress: new RecoveryProgress({ clock, log, copies }),
    lines,
    pass: (ms: number) => (nowMs += ms),
  }
}

test('a line a second at most while logs are read, and a sum at the end', () => {
  const { progress, lines, pass } = start(3)
  for (let step = 0; step < 25; step += 1) {
    pass(100)
    progress.noteRead(20 * MIB)
    if (step === 9 || step === 19) progress.noteFound()
  }
  expect(lines).toEqual([
    { copies: 3, found: 0, readMib: 200, mibPerSecond: 200, ms: 1000 },
    { copies: 3, found: 1, readMib: 400, mibPerSecond: 200, ms: 2000 },
  ])
  progress.noteFound()
  progress.end()
  expect(lines.at(-1)).toEqual({ copies: 3, found: 3, readMib: 500, mibPerSecond: 200, ms: 2500 })
})

test('a new server has nothing to say', () => {
  const { progress, lines } = start(0)
  progress.end()
  expect(lines).toEqual([])
})
