/** Servers that are named as gone for good, over HTTP. */
import { beforeEach, expect, test } from 'vitest'
import { buildTestApp, type TestApp } from './support/apps.ts'

let node: TestApp
beforeEach(async () => {
  node = await buildTestApp('serve')
  return () => node.app.close()
})
const send = (method: 'GET' | 'POST', url: string, payload?: object) =>
  node.app.inject({ method, url, ...(payload === undefined ? null : { payload }) })

test('POST /v1/servers/{name}/removal names a server as gone, and asks before files are given up', async () => {
  const url = '/v1/servers/chunk%202/removal'
  const refused = await send('POST', url, { lost: true })
  expect([refused.statusCode, refused.json()]).toMatchObject([409, { code: 'WOULD_LOSE_FILES' }])
  const removed = await send('POST', url, { lost: true, acceptLoss: true, id: 7 })
  expect([removed.statusCode, removed.headers['cache-control']]).toEqual([200, 'no-store'])
  expect(removed.json()).toEqual({
    id: 7,
    name: 'chunk 2',
    wasRemoved: false,
    files: 1,
    bytes: 5,
    paths: ['/file'],
  })
  expect((await send('POST', '/v1/servers/chunk-1/removal', { lost: true })).json()).toMatchObject({
    code: 'SERVER_ALIVE',
  })
  expect((await send('POST', '/v1/servers/none/removal', { lost: true })).statusCode).toBe(404)
  for (const body of [{}, { lost: false }, { lost: true, id: 0 }, { lost: true, force: true }])
    expect((await send('POST', url, body)).statusCode, JSON.stringify(body)).toBe(400)
  expect((await send('GET', url)).statusCode).toBe(405)
})
