/** The logs of a data directory as one: order, filters, what is no line of the logger, and logs that move while they are followed. */
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { appendFileSync, copyFileSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LogDirectory } from '../src/local/log-directory.ts'
import { entryLines, parseLine } from '../src/logs/log-entry.ts'
import { type Ended, PROGRAM, runHere, ScratchDirectory } from './run-dfs.ts'

vi.setConfig({ testTimeout: 60_000 })

let scratch: ScratchDirectory
const pathOf = (service: string): string => join(scratch.at('logs'), `${service}.log`)
const append = (service: string, ...lines: string[]): void =>
  appendFileSync(pathOf(service), lines.map((line) => `${line}\n`).join(''))

/** A line of the logger, so many seconds after midnight. */
const at = (second: number, msg: string, fields: object = {}): string =>
  JSON.stringify({ level: 'info', time: timeOf(second), service: 'x', ...fields, msg })
const timeOf = (second: number): string => new Date(Date.UTC(2026, 0, 2) + second * 1000).toISOString()

beforeEach(async () => {
  scratch = await ScratchDirectory.make()
  mkdirSync(scratch.at('logs'))
})
afterEach(() => scratch[Symbol.asyncDispose]())

const logs = (...options: string[]): Promise<Ended> =>
  runHere(['logs', scratch.path, ...options], 'http://127.0.0.1:1')
const messages = async (...options: string[]): Promise<string[]> => {
  const { exitCode, stdout } = await logs('--json', ...options)
  expect(exitCode).toBe(0)
  const lines = stdout.toString().split('\n').filter(Boolean)
  return lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
}

test('shows all services in the order of time, the moved part of a log before the rest', async () => {
  writeFileSync(`${pathOf('master')}.1`, `${at(1, 'a')}\n`)
  append('master', at(3, 'c'), at(5, 'e'))
  append('chunk-server-1', at(2, 'b'), 'Error: out of memory', '    at somewhere', at(4, 'd'))
  writeFileSync(scratch.at('logs/notes.txt'), 'no log\n')
  expect(await messages()).toEqual(['a', 'b', 'Error: out of memory', '    at somewhere', 'c', 'd', 'e'])
  const { stdout } = await logs()
  expect(stdout.toString().split('\n').slice(0, 3)).toEqual([
    `${timeOf(1)} INFO  master         a`,
    `${timeOf(2)} INFO  chunk-server-1 b`,
    `${timeOf(2)}       chunk-server-1 Error: out of memory`,
  ])
})

test('shows only what is asked for', async () => {
  append(
    'master',
    at(1, 'm1', { level: 'debug' }),
    at(2, 'm2', { level: 'warn' }),
    at(6, 'm3', { id: 'r1+2' }),
  )
  append('chunk-server-1', at(3, 'c1', { id: 'r1' }), at(4, 'c2', { id: 'r12', level: 'error' }))
  append('chunk-server-2', at(5, 'c3', { requestId: 'r1' }), 'last words')
  append('gateway', at(7, 'g1'))
  expect(await messages('--level', 'warn')).toEqual(['m2', 'c2', 'last words'])
  expect(await messages('--service', 'chunk-server')).toEqual(['c1', 'c2', 'c3', 'last words'])
  expect(await messages('--service', 'chunk-server-2', '--service', 'gateway')).toEqual([
    'c3',
    'last words',
    'g1',
  ])
  expect(await messages('--request', 'r1')).toEqual(['c1', 'c3', 'm3'])
  expect(await messages('-n', '2')).toEqual(['m3', 'g1'])
  expect(await messages('-n', '0')).toEqual([])
})

test('refuses what would show nothing for a reason that nobody sees', async () => {
  append('master', at(1, 'a'))
  expect((await logs('--service', 'chunk')).stderr).toContain('there is no log of a service "chunk"')
  expect((await logs('--level', 'loud')).exitCode).toBe(2)
  expect((await logs('--lines', 'all')).exitCode).toBe(2)
  const elsewhere = await runHere(['logs', scratch.at('nowhere')], 'http://127.0.0.1:1')
  expect([elsewhere.exitCode, elsewhere.stderr]).toEqual([3, expect.stringContaining('ENOENT')])
})

test('a line is read as it is written today, and as earlier programs wrote it', () => {
  const today = parseLine(at(1, 'request', { level: 'warn', status: 503 }), 'master', 0)
  const before = JSON.stringify({
    level: 40,
    time: Date.parse(timeOf(1)),
    service: 'x',
    status: 503,
    msg: 'request',
  })
  expect(parseLine(before, 'master', 0)).toEqual(today)
  expect(entryLines(today, 8)).toEqual([`${timeOf(1)} WARN  master   request status=503`])
  for (const text of ['{"level":400,"msg":"x"}', '{cut off', 'null', '{"a":1}'])
    expect(parseLine(text, 'master', 7)).toMatchObject({ level: null, message: text, timeMs: 7 })
})

test('values are shown so that they can be told apart, errors with what caused them and where', () => {
  const err = {
    type: 'DiskError',
    message: 'sync "x"',
    code: 'EIO',
    stack: 'DiskError: sync\n    at file.ts:1',
    cause: { message: 'told once' },
  }
  const entry = parseLine(at(1, 'failed', { path: '/a b', id: 'r-1', list: [1], err }), 'master', 0)
  expect(entryLines(entry, 6)).toEqual([
    `${timeOf(1)} INFO  master failed path="/a b" id=r-1 list=[1] err="EIO: sync \\"x\\" (because: told once)"`,
    '    DiskError: sync',
    '    at file.ts:1',
  ])
})

const takeNew = async (directory: LogDirectory): Promise<string[]> => {
  const taken: string[] = []
  for await (const { message } of directory.entries()) taken.push(message)
  return taken
}

test('whoever follows sees each line once: half lines, logs that move, services that begin', async () => {
  append('master', at(1, 'a'))
  const directory = new LogDirectory(scratch.path, () => true)
  expect(await takeNew(directory)).toEqual(['a'])
  expect(await takeNew(directory)).toEqual([])
  const line = `${at(2, 'ü')}\n`
  appendFileSync(pathOf('master'), line.slice(0, -5))
  expect(await takeNew(directory)).toEqual([])
  appendFileSync(pathOf('master'), line.slice(-5))
  append('gateway', at(3, 'g'))
  expect(await takeNew(directory)).toEqual(['ü', 'g'])
  append('master', at(4, 'c'))
  copyFileSync(pathOf('master'), `${pathOf('master')}.1`)
  truncateSync(pathOf('master'), 0)
  append('master', at(5, 'd'))
  expect(await takeNew(directory)).toEqual(['c', 'd'])
})

test('--follow goes on until Ctrl-C', async () => {
  append('master', at(1, 'before'), at(2, 'now'))
  const child = spawn(process.execPath, [PROGRAM, 'logs', scratch.path, '-n', '1', '--follow'])
  let shown = ''
  const untilShown = async (word: string): Promise<void> => {
    while (!shown.includes(word)) shown += String((await once(child.stdout, 'data'))[0])
  }
  const closed = once(child, 'close')
  await untilShown('now')
  append('master', at(3, 'after'))
  await untilShown('after')
  child.kill('SIGINT')
  expect(await closed).toEqual([130, null])
  expect(shown).not.toContain('before')
})
