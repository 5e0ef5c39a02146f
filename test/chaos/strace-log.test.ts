import { expect, it } from 'vitest'
import { callsIn } from './strace-log.ts'

const LOG = '/data/volumes/1.log'

it('reads a call of one line, and what it returned', () => {
  const [call, ...others] = callsIn(`17 pwrite64(25<${LOG}>, "a (b) = 3\\n", 10, 663352) = 10\n`)
  expect(others).toEqual([])
  expect(call).toMatchObject({ name: 'pwrite64', file: LOG, result: 10, hasFailed: false })
  expect(call!.operands).toContain('"a (b) = 3\\n"')
})

it('joins the halves of calls that other threads have interrupted, each to its own', () => {
  const calls = callsIn(
    [
      `17 fdatasync(25<${LOG}> <unfinished ...>`,
      `18 pwrite64(26</data/volumes/2.log>, "x", 1, 0 <unfinished ...>`,
      `19 write(3<socket:[77]>, "HTTP/1.1 201 Created", 20) = 20`,
      `18 <... pwrite64 resumed>)           = 1`,
      `17 <... fdatasync resumed>)          = -1 EIO (Input/output error) (INJECTED)`,
      `20 <... fdatasync resumed>)          = 0`,
      `17 +++ exited with 1 +++`,
      '',
    ].join('\n'),
  )
  expect(
    calls.map(({ name, file, hasFailed, beganAt, endedAt }) => [name, file, hasFailed, beganAt, endedAt]),
  ).toEqual([
    ['write', 'socket:[77]', false, 2, 2],
    ['pwrite64', '/data/volumes/2.log', false, 1, 3],
    ['fdatasync', LOG, true, 0, 4],
  ])
})

it('leaves out what never returned', () => {
  const log = `17 fdatasync(25<${LOG}> <unfinished ...>\n17 <... fdatasync resumed>) = ?\n18 fdatasync(25<${LOG}> <unfinished ...>\n`
  expect(callsIn(log)).toEqual([])
})
