/** `Idempotency-Key`: what counts as one, that every change hands it on, and that an answer says when it is not the first. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keyMember } from '../src/idempotency.ts'
import { buildTestApp, type TestApp } from './support/apps.ts'

describe('a key', () => {
  test.each([
    ['"abc"', 'abc'],
    [' "a b" ', 'a b'],
    [String.raw`"a\"b\\c"`, String.raw`a"b\c`],
    ['"abc"; foo=1;bar', 'abc'],
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
  ])('%s is %s', (field, key) => {
    expect(keyMember({ 'idempotency-key': field })).toEqual({ key })
  })

  test.each([
    '',
    '""',
    '"abc',
    'abc"',
    '"a"b"',
    String.raw`"a\b"`,
    '"a", "b"',
    'a, b',
    'a b',
    '"\u00e9"',
    '"a\tb"',
    'x'.repeat(256),
    `"${'x'.repeat(256)}"`,
  ])('%s is none', (field) => {
    expect(() => keyMember({ 'idempotency-key': field })).toThrow(/INVALID_REQUEST/)
  })

  test('is left out if there is none', () => {
    expect(keyMember({})).toEqual({})
  })
})

describe('every change under a key', () => {
  let node: TestApp
  beforeEach(async () => {
    node = await buildTestApp('serve')
    node.memory.store('/d/f', Buffer.from('x'))
  })
  afterEach(() => node.app.close())

  const CHANGES = [
    ['PUT', '/v1/files/a', 'content', 201],
    ['POST', '/v1/files/a', undefined, 201],
    ['DELETE', '/v1/files/d/f', undefined, 204],
    ['PUT', '/v1/directories/e', undefined, 201],
    ['DELETE', '/v1/directories/e', undefined, 204],
    ['PUT', '/v1/links/l', { target: 'f' }, 201],
    ['POST', '/v1/moves', { from: '/d/f', to: '/g' }, 200],
    ['DELETE', '/v1/files/missing', undefined, 404],
  ] as const
  test.each(CHANGES)('%s %s has one answer, and says when it is not the first', async (...change) => {
    const [method, url, payload, status] = change
    const send = () =>
      node.app.inject({
        method,
        url,
        headers: { 'idempotency-key': '"k 1"' },
        ...(payload === undefined ? null : { payload }),
      })
    const [first, second] = [await send(), await send()]
    expect(first.statusCode).toBe(status)
    expect(first.headers['idempotency-replayed']).toBeUndefined()
    expect(second.statusCode).toBe(status)
    expect(second.headers['idempotency-replayed']).toBe('?1')
    for (const name of ['etag', 'durability', 'dfs-operation', 'location'])
      expect(second.headers[name]).toBe(first.headers[name])
    const isProblem = first.body.includes('requestId')
    expect(isProblem || second.body === first.body).toBe(true)
    const sent = [...node.memory.commands, ...node.memory.writes]
    expect(sent.map((each) => 'key' in each && each.key)).toEqual(['k 1', 'k 1'])
  })

  test('a malformed key is refused before anything is done', async () => {
    const reply = await node.app.inject({
      method: 'PUT',
      url: '/v1/files/a',
      payload: 'x',
      headers: { 'idempotency-key': 'a, b' },
    })
    expect(reply.json()).toMatchObject({ status: 400, code: 'INVALID_REQUEST' })
    expect(node.memory.nodes.has('/a')).toBe(false)
  })
})
