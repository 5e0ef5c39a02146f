/**
 * What the document of the API promises is what the routes do: every answer of a route is one that its operation lists, every
 * pattern takes what the route takes, and no page of others can send a change, whatever the route.
 */
import { DIRECTORY_PATH_PATTERN, FILE_PATH_PATTERN, parseDirectoryPath, parseFilePath } from '@dfs/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildTestApp, type TestApp } from './support/apps.ts'

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly schema: { readonly pattern?: string }
  }[]
  readonly responses: Readonly<Record<string, unknown>>
}
type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
type Route = readonly [method: Method, url: string, operation: Operation]

const CHANGING: ReadonlySet<string> = new Set(['PUT', 'POST', 'DELETE'])
/** What may stand at the path that a request names. */
const PATHS = ['none', 'file', 'directory', 'link', 'full', 'file/below', 'a//b', '%07']
/** Oddities of a request, each of which some route refuses. */
const HEADERS: readonly Record<string, string>[] = [
  {},
  { 'if-match': '"0000000000000001"' },
  { 'if-match': 'nothing in quotes' },
  { 'if-none-match': '*' },
  { range: 'bytes=1000-' },
  { 'idempotency-key': '' },
  { 'dfs-executable': 'yes' },
  { 'content-encoding': 'gzip' },
  { 'transfer-encoding': 'gzip' },
  { 'content-digest': 'sha-256=:AAAA:' },
  { origin: 'http://evil.example' },
  { host: 'evil.example' },
  { expect: 'the-moon' },
]
const BODIES: readonly (readonly [contentType: string, payload: string] | null)[] = [
  null,
  ['application/json', '{"from":"/file","to":"/directory/x","target":"x"}'],
  ['application/json', '{"target":"x"}'],
  ['application/json', '{"from":"/full","to":"/full/x"}'],
  ['application/json', '{"from":"/file","to":"/directory"}'],
  ['application/json', `"${'x'.repeat(70_000)}"`],
  ['text/plain', 'text'],
]

/** What a body must be for the headers to be looked at. */
const PAYLOADS: Readonly<Record<string, object>> = {
  move: { from: '/file', to: '/x' },
  writeLink: { target: 'x' },
}
/** How the headers are refused. */
const REFUSAL = /If-|Idempotency|digest|Executable/

async function routesOf(app: TestApp['app']): Promise<Route[]> {
  const { paths } = (await app.inject('/openapi.json')).json<{
    paths: Record<string, Record<string, Operation>>
  }>()
  return Object.entries(paths).flatMap(([url, operations]) =>
    Object.entries(operations).map(([method, operation]): Route => [
      method.toUpperCase() as Method,
      url,
      operation,
    ]),
  )
}

describe.each(['serve', 'pass-on'] as const)('on a node that is to %s', (kind) => {
  let node: TestApp
  let routes: Route[]

  beforeAll(async () => {
    node = await buildTestApp(kind, { hasDocs: true })
    routes = await routesOf(node.app)
  })
  afterAll(() => node.app.close())

  const fill = (): void => {
    node.memory.nodes.clear()
    node.memory.nodes.set('/', { kind: 'directory' })
    for (const name of ['/directory', '/full']) node.memory.nodes.set(name, { kind: 'directory' })
    node.memory.nodes.set('/link', { kind: 'link', version: 1, target: 'x' })
    for (const name of ['/file', '/full/file']) node.memory.store(name, Buffer.from('content'))
  }

  test('every answer is one that the document lists', async () => {
    const missing = new Set<string>()
    let answers = 0
    for (const [method, url, operation] of routes) {
      for (const path of url.includes('{path}') ? PATHS : ['']) {
        for (const headers of HEADERS) {
          // Bodies are of interest without other oddities.
          const isPlain = Object.keys(headers).length === 0
          for (const body of isPlain && CHANGING.has(method) ? BODIES : [null]) {
            fill()
            const content = body === null ? null : { payload: body[1] }
            const { statusCode } = await node.app.inject({
              method,
              url: url.replace('{path}', path),
              headers: { ...headers, ...(body === null ? null : { 'content-type': body[0] }) },
              ...content,
            })
            answers += 1
            if (!Object.hasOwn(operation.responses, String(statusCode)))
              missing.add(`${operation.operationId} ${path}: ${statusCode}`)
          }
        }
      }
    }
    expect(answers).toBeGreaterThan(500)
    expect([...missing]).toEqual([])
  })

  test('no page of another site or port sends a change, not even if its browser names no origin', async () => {
    const changes = routes.filter(([method]) => CHANGING.has(method))
    expect(changes.map(([, , { operationId }]) => operationId)).toEqual(
      expect.arrayContaining(['startCheck', 'createFile', 'createDirectory', 'move']),
    )
    for (const [method, url, { operationId }] of changes) {
      for (const site of ['cross-site', 'same-site']) {
        const reply = await node.app.inject({
          method,
          url: url.replace('{path}', 'new'),
          headers: { 'sec-fetch-site': site },
        })
        expect([reply.statusCode, reply.json().code], `${operationId} ${site}`).toEqual([
          403,
          'FOREIGN_ORIGIN',
        ])
      }
    }
    const own = { 'sec-fetch-site': 'same-origin' }
    expect((await node.app.inject({ method: 'POST', url: '/v1/checks', headers: own })).statusCode).toBe(202)
    // A page of another node of the cluster names its origin.
    const other = { 'sec-fetch-site': 'same-site', origin: 'http://localhost:7070', host: 'localhost:7071' }
    expect((await node.app.inject({ method: 'POST', url: '/v1/checks', headers: other })).statusCode).toBe(
      202,
    )
    const link = { 'sec-fetch-site': 'cross-site' }
    expect((await node.app.inject({ url: '/v1/servers', headers: link })).statusCode).toBe(200)
  })
})

const VALUES: Readonly<Record<string, readonly string[]>> = {
  'If-Match': ['*', '"a"', 'W/"a"', '"a", W/"b,c"', 'a', '"a" "b"', '"a",', '* , "a"'],
  'If-None-Match': ['*', '"a"', '"a","b"', '""', 'x*', '"'],
  'Content-Digest': ['x=::', 'x=:AAAA:, y=:BB==:', 'x=:AAAA:;p=1', 'x', 'sha-256', 'x=:A A:', 'x=:AAAA:,'],
  'Dfs-Executable': ['?0', '?1', '1', 'true', '?2'],
  'Idempotency-Key': [
    '"a b"',
    '"a\\"b"',
    'token',
    '8e03978e-40d5',
    `"${'k'.repeat(255)}"`,
    `"${'k'.repeat(256)}"`,
    'k'.repeat(255),
    'k'.repeat(256),
    '""',
    'a b',
    '"a',
    '"a";p=1',
    'ä',
  ],
}

test('the patterns of headers take what the routes take', async () => {
  const { app, memory } = await buildTestApp('serve', { hasDocs: true })
  const tested = new Set<string>()
  for (const [method, url, { operationId, parameters = [] }] of await routesOf(app)) {
    const payload = PAYLOADS[operationId]
    for (const { name, in: place, schema } of parameters) {
      if (place !== 'header' || schema.pattern === undefined) continue
      tested.add(name)
      const pattern = new RegExp(schema.pattern, 'u')
      for (const value of VALUES[name]!) {
        memory.nodes.clear()
        memory.nodes.set('/', { kind: 'directory' })
        memory.store('/file', new Uint8Array())
        const reply = await app.inject({
          method,
          url: url.replace('{path}', 'file'),
          headers: { [name]: value },
          ...(payload === undefined ? null : { payload }),
        })
        const isRefused = reply.statusCode === 400 && REFUSAL.test(reply.json<{ detail: string }>().detail)
        expect(isRefused, `${operationId} ${name}: ${value}`).toBe(!pattern.test(value))
      }
    }
  }
  expect([...tested].sort()).toEqual(Object.keys(VALUES).sort())
  await app.close()
})

test('the patterns of paths take what is a path', () => {
  const values = [
    'a',
    'a/b',
    'a.',
    '.a',
    '...',
    'ä',
    'a b',
    'a/...',
    '',
    '.',
    '..',
    'a/..',
    './a',
    'a//b',
    'a/',
    '/',
    'a\u0007',
    'a\u0085',
  ]
  const isTaken = (parse: (text: string) => unknown, text: string): boolean => {
    try {
      parse(text)
      return true
    } catch {
      return false
    }
  }
  for (const value of values) {
    // The root has a route of its own, and a target with two slashes is refused before.
    if (value === '' || value === '/') continue
    expect(new RegExp(FILE_PATH_PATTERN, 'u').test(value), value).toBe(isTaken(parseFilePath, value))
    expect(new RegExp(DIRECTORY_PATH_PATTERN, 'u').test(value), value).toBe(
      isTaken(parseDirectoryPath, value),
    )
  }
})
