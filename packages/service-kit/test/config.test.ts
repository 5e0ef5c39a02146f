import Type from 'typebox'
import { describe, expect, test } from 'vitest'
import { ConfigError, describeConfig, loadConfig, unknownVariables } from '../src/index.ts'

const secretDigits = { pattern: '^[0-9]+$', secret: true }
const Config = Type.Object({
  publicPort: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 7071,
    description: 'Port of the REST API.',
  }),
  dataDirectory: Type.String({ description: 'Where volumes are kept.' }),
  logLevel: Type.Enum(['info', 'debug'], { default: 'info' }),
  allowedHosts: Type.Array(Type.String(), { default: [] }),
  isStrict: Type.Boolean({ default: false }),
  ratio: Type.Number({ minimum: 0, maximum: 1, default: 0.5 }),
  advertisedUrl: Type.Optional(Type.String({ pattern: '^https?://' })),
  token: Type.Optional(Type.String(secretDigits)),
})

const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    loadConfig(Config, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('loadConfig', () => {
  test('reads every kind of value, and takes defaults for what is unset or empty', () => {
    const config = loadConfig(Config, {
      DFS_DATA_DIRECTORY: '/data',
      DFS_LOG_LEVEL: 'debug',
      DFS_ALLOWED_HOSTS: 'a.example, b.example,',
      DFS_IS_STRICT: '1',
      DFS_RATIO: '0.25',
      DFS_PUBLIC_PORT: '',
    })
    expect(config).toEqual({
      publicPort: 7071,
      dataDirectory: '/data',
      logLevel: 'debug',
      allowedHosts: ['a.example', 'b.example'],
      isStrict: true,
      ratio: 0.25,
    })
  })

  test('reports everything that is wrong at once, and what to do', () => {
    const problems = problemsOf({
      DFS_PUBLIC_PORT: '70710',
      DFS_LOG_LEVEL: 'loud',
      DFS_ADVERTISED_URL: 'files',
    })
    expect(problems).toEqual([
      'DFS_PUBLIC_PORT: "70710" is not an integer from 0 to 65535. Set it to one, or leave it out for 7071.',
      'DFS_DATA_DIRECTORY is not set. Set it to a text (Where volumes are kept.).',
      'DFS_LOG_LEVEL: "loud" is not one of info, debug. Set it to one, or leave it out for info.',
      'DFS_ADVERTISED_URL: "files" is not a text that matches ^https?://. Set it to one.',
    ])
  })

  test.each(['1e3', '0x10', ' 1', '1.5', '-', '٣'])('%j is no integer', (text) => {
    expect(problemsOf({ DFS_DATA_DIRECTORY: 'd', DFS_PUBLIC_PORT: text })).toHaveLength(1)
  })

  test('never repeats a secret', () => {
    expect(problemsOf({ DFS_DATA_DIRECTORY: 'd', DFS_TOKEN: 'hunter2' }).join()).not.toContain('hunter2')
  })

  test('checks relations only among valid values', () => {
    const relations = () => ['DFS_RATIO is too close to something']
    expect(() => loadConfig(Config, { DFS_DATA_DIRECTORY: 'd' }, relations)).toThrow('too close')
    expect(() => loadConfig(Config, {}, relations)).toThrow('DFS_DATA_DIRECTORY is not set')
  })

  test('does not share its defaults', () => {
    const first = loadConfig(Config, { DFS_DATA_DIRECTORY: 'd' })
    first.allowedHosts.push('x')
    expect(loadConfig(Config, { DFS_DATA_DIRECTORY: 'd' }).allowedHosts).toEqual([])
  })
})

test('names variables that are probably misspelt', () => {
  expect(unknownVariables(Config, { DFS_PUBLIC_PROT: '1', DFS_RATIO: '1', PATH: '' })).toEqual([
    'DFS_PUBLIC_PROT',
  ])
})

test('describes every variable in one table', () => {
  const table = describeConfig(Config)
  expect(table).toContain('| `DFS_PUBLIC_PORT` | an integer from 0 to 65535 | 7071 | Port of the REST API. |')
  expect(table).toContain('| `DFS_DATA_DIRECTORY` | a text | required | Where volumes are kept. |')
  expect(table.trim().split('\n')).toHaveLength(2 + Object.keys(Config.properties).length)
})
