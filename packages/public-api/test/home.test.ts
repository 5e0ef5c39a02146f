/** `/` of the master: a page for people that says what is known, also if little is, and nothing that others have written runs. */
import { type ClusterView, DfsError, healthReason, healthView, type Readiness } from '@dfs/protocol'
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { homeHtml } from '../src/home/home-html.ts'
import { stateSentence } from '../src/home/state-sentence.ts'
import { buildTestApp, type TestApp } from './support/apps.ts'
import { WELL } from './support/memory-cluster.ts'

/** What browsers say. */
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
const READY: Readiness = { whyNot: null, missing: null }

let node: TestApp
let readiness: Readiness
beforeEach(async () => {
  readiness = READY
  node = await buildTestApp('pass-on', { readiness: () => readiness })
  node.memory.health = WELL
})
afterEach(() => node.app.close())

const get = (accept: string | null) =>
  node.app.inject({ url: '/', headers: accept === null ? {} : { accept } })

test.each([null, '*/*', 'application/json', 'text/html;q=0, */*', 'application/problem+json, text/plain'])(
  'a program that accepts %s is told that nothing is there',
  async (accept) => {
    const reply = await get(accept)
    expect([reply.statusCode, reply.headers['content-type']]).toEqual([404, 'application/problem+json'])
    expect(reply.json()).toMatchObject({ code: 'ROUTE_NOT_FOUND', detail: 'nothing is at /' })
  },
)

test.each([BROWSER, 'text/html', 'application/json;q=0.5, text/html;q=0.9'])(
  'who accepts %s gets the page, which nothing from elsewhere can become part of',
  async (accept) => {
    const reply = await get(accept)
    expect([reply.statusCode, reply.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(reply.headers).toMatchObject({ 'cache-control': 'no-store', vary: 'accept, origin' })
    const policy = String(reply.headers['content-security-policy'])
    const style = /<style>([\s\S]*?)<\/style>/.exec(reply.body)![1]!
    expect(policy).toContain(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`)
    expect(policy).toContain("default-src 'none'")
    expect(reply.body).not.toMatch(/<script|<img|<link|style=|src=|url\(/)
    const links = [...reply.body.matchAll(/href="([^"]*)"/g)].map(([, href]) => href!)
    expect(links).toEqual([
      '/docs',
      '/openapi.json',
      '/v1/health',
      '/v1/cluster',
      '/v1/workers',
      '/metrics',
      '/readyz',
      '/',
    ])
  },
)

test('the page says how the cluster is, and where to send a file', async () => {
  const { body } = await node.app.inject({ url: '/', headers: { accept: BROWSER, host: 'dfs.test:7070' } })
  expect(body).toContain('● Ready: 1 chunk server answers, and new files get 3 copies.')
  expect(body).toContain('<th scope="row">chunk-1</th><td>a</td>')
  expect(body).toContain('10 B free of 20 B')
  expect(body).toContain('curl -T FILE http://dfs.test:7070/v1/files/FILE')
})

test('the page says what is missing, since when, and what to do', async () => {
  const lost = healthReason('files-lost', {
    state: 'unavailable',
    text: '3 files have no good copy',
    sinceMs: 0,
  })
  const gone = healthReason('server-gone', { state: 'degraded', text: 'chunk-2 is gone' })
  node.memory.health = healthView([gone, lost], { counts: null, atMs: 1 })
  const { body } = await get(BROWSER)
  expect(body).toContain('✗ Ready, but 3 files have no good copy.')
  expect(body).toMatch(
    /✗ 3 files have no good copy, since 1970-01-01T00:00:00Z<\/span> \(<code>files-lost<\/code>\)\. Bring back/,
  )
  expect(body).toMatch(/▲ chunk-2 is gone<\/span> \(<code>server-gone<\/code>\)/)
})

test('the page is there while parts are not, and says why', async () => {
  node.memory.failure = new DfsError('UNAVAILABLE', 'the metadata store has failed')
  const broken = await get(BROWSER)
  expect(broken.statusCode).toBe(200)
  expect(broken.body).toContain('✗ Not ready: UNAVAILABLE: the metadata store has failed.')
  expect(broken.body).not.toContain('<table>')
  readiness = { whyNot: 'the master is stopping', missing: null }
  expect((await get(BROWSER)).body).toContain('✗ Not ready: the master is stopping.')
})

test('a chunk server has no such page', async () => {
  const server = await buildTestApp('serve')
  expect((await server.app.inject({ url: '/', headers: { accept: BROWSER } })).statusCode).toBe(404)
  await server.app.close()
})

describe('the sentence', () => {
  const viewOf = async (): Promise<ClusterView> => structuredClone(await node.memory.viewCluster())

  test('is a warning if something is missing although it works', async () => {
    const cluster = await viewOf()
    const missing = 'writes get 2 of 3 copies: chunk-1 is dead'
    expect(stateSentence({ readiness: { whyNot: null, missing }, cluster, health: WELL })).toEqual({
      tone: 'warning',
      text: `Ready, but ${missing}.`,
    })
    cluster.servers.push({ ...cluster.servers[0]!, id: 2, liveness: 'dead' })
    expect(stateSentence({ readiness: READY, cluster, health: WELL })).toEqual({
      tone: 'warning',
      text: 'Ready: 1 of 2 chunk servers answers, and new files get 3 copies.',
    })
    expect(stateSentence({ readiness: READY, cluster: null, health: null }).tone).toBe('warning')
  })
})

test('names and reasons of others are text, whatever is in them', async () => {
  const evil = '<script>alert(1)</script>"\'&\u202Egpj'
  const cluster = await node.memory.viewCluster()
  const [server] = cluster.servers
  const html = homeHtml({
    state: stateSentence({ readiness: { whyNot: evil, missing: null }, cluster: null, health: null }),
    health: healthView([healthReason('server-gone', { state: 'degraded', text: evil })], {
      counts: null,
      atMs: 1,
    }),
    cluster: {
      ...cluster,
      servers: [{ ...server!, name: evil, zone: evil, liveness: 'dead', isFull: true }],
    },
    origin: 'http://localhost:7070',
    atMs: Date.UTC(2026, 0, 2),
  })
  expect(html).not.toMatch(/<script|\u202E/)
  const shown = '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{202e}gpj'
  expect(html.split(shown)).toHaveLength(5)
  expect(html).toContain('<time>2026-01-02T00:00:00Z</time>')
})
