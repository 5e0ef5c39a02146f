import { ManualClock } from '@dfs/core/testing'
import { expect, test } from 'vitest'
import { chooseLogFormat, createLog, type LogFormat, openServiceLog } from '../src/index.ts'

const clock = new ManualClock()

function logTo(format: LogFormat) {
  const lines: string[] = []
  const log = createLog({
    clock,
    level: 'info',
    format,
    service: 'master',
    write: (line) => lines.push(line),
  })
  return { log, lines }
}

test('lines are JSON, with the name of the level and the time of the clock', () => {
  const { log, lines } = logTo('json')
  log.info({ path: '/a\n{"level":60}' }, 'request')
  log.debug({}, 'not at this level')
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      level: 'info',
      time: new Date(clock.wallMs()).toISOString(),
      service: 'master',
      path: '/a\n{"level":60}',
      msg: 'request',
    },
  ])
})

test('credentials never reach a line, errors do with their cause', () => {
  const { log, lines } = logTo('json')
  log.warn(
    { authorization: 'Bearer s3cret', headers: { Authorization: 'Bearer s3cret', accept: '*/*' } },
    'refused',
  )
  log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed')
  expect(lines.join('')).not.toContain('s3cret')
  expect(JSON.parse(lines[0]!)).toMatchObject({ headers: { accept: '*/*' } })
  expect(JSON.parse(lines[1]!).err).toMatchObject({ message: 'outer', cause: { message: 'inner' } })
})

test('the readable form is one line each', () => {
  const { log, lines } = logTo('pretty')
  log.info({ path: '/a', status: 200 }, 'request')
  expect(lines.join('').trim().split('\n')).toHaveLength(1)
  expect(lines.join('')).toContain('request')
})

test('a name in a line for people turns no direction of writing', () => {
  const { log, lines } = logTo('pretty')
  log.warn({ path: '/evil\u202egpj.exe' }, 'request')
  expect(lines.join('')).toContain('/evil\\u{202e}gpj.exe')
})

test('the readable form is for people', () => {
  expect([chooseLogFormat(undefined, true), chooseLogFormat(undefined, false)]).toEqual(['pretty', 'json'])
  expect([chooseLogFormat('json', true), chooseLogFormat('pretty', false)]).toEqual(['json', 'pretty'])
})

test.each([
  ['debug', ['debug', 'info', 'warn', 'error']],
  ['info', ['info', 'warn', 'error']],
  ['warn', ['warn', 'error']],
  ['error', ['error']],
  ['silent', []],
  [undefined, ['info', 'warn', 'error']],
  ['loud', ['info', 'warn', 'error']],
])('a service with the level %s logs that and what is more important', (level, expected) => {
  const lines: string[] = []
  const env = { DFS_LOG_LEVEL: level, DFS_NAME: 'chunk-server-1' }
  const log = openServiceLog({
    clock,
    env,
    isTerminal: false,
    service: 'chunk-server',
    write: (line) => lines.push(line),
  })
  log.debug({}, 'debug')
  log.info({}, 'info')
  log.warn({}, 'warn')
  log.error({}, 'error')
  const parsed = lines.map((line) => JSON.parse(line) as { readonly msg: string; readonly service: string })
  expect(parsed.map(({ msg }) => msg)).toEqual(expected)
  expect(parsed.every(({ service }) => service === 'chunk-server-1')).toBe(true)
})
