/**
 * What a page of somebody else can do to the cluster with the browser of a person who can reach it: nothing. The first
 * tests are the control: the same attempts succeed from pages of the cluster.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, type Frame, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { launchChromium } from './chromium.ts'
import {
  attempt,
  type ForeignSite,
  openSandboxedFrame,
  runScript,
  startForeignSite,
  submitForm,
} from './foreign-site.ts'

const nodes = inject('nodes')
const [master, chunkServer] = nodes.map(({ url }) => url)
const directory = `foreign-${randomUUID()}`

let browser: Browser
let site: ForeignSite
beforeAll(async () => {
  if (master === undefined) return
  site = await startForeignSite()
  browser = await launchChromium({
    'foreign.example': '127.0.0.1',
    'rebound.example': new URL(master).hostname,
  })
  const written = await fetch(`${chunkServer}/v1/files/${directory}/script.js`, {
    method: 'PUT',
    headers: { 'content-type': 'text/javascript' },
    body: 'globalThis.wasRun = true',
  })
  if (written.status !== 201) throw new Error(`the script could not be stored: ${written.status}`)
})
afterAll(async () => {
  await browser?.close()
  await site?.close()
})

async function newPage(): Promise<Page> {
  const page = await browser.newPage()
  onTestFinished(() => page.close())
  page.setDefaultTimeout(60_000)
  return page
}

async function statusOf(name: string): Promise<number> {
  return (await fetch(`${master}/v1/files/${directory}/${name}`, { method: 'HEAD' })).status
}

/** Opens a page of the named origin; the frame is the one that makes the attempts. */
const ORIGINS: readonly (readonly [string, (page: Page) => Promise<Frame | Page>])[] = [
  ['a foreign site', (page) => opened(page, `http://foreign.example:${site.port}/`)],
  ['another port of this host', (page) => opened(page, `http://localhost:${site.port}/`)],
  ['a data: URL', (page) => opened(page, 'data:text/html,<p>foreign</p>')],
  ['a file', (page) => opened(page, localFile())],
  [
    'a sandboxed frame',
    async (page) => {
      await page.goto(`http://foreign.example:${site.port}/`)
      return openSandboxedFrame(page)
    },
  ],
]

async function opened(page: Page, url: string): Promise<Page> {
  await page.goto(url)
  return page
}

function localFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dfs-foreign-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'page.html'), '<!doctype html><p>foreign</p>')
  return pathToFileURL(join(folder, 'page.html')).href
}

describe.skipIf(nodes.length === 0)('a page', () => {
  test('of the master reads and writes by way of every node', async () => {
    const page = await newPage()
    await page.goto(`${master}/docs`)
    for (const { url: node } of nodes) {
      const url = `${node}/v1/files/${directory}/own-${randomUUID()}`
      expect(await attempt(page, { method: 'GET', url: `${node}/v1/servers` })).toBe(200)
      expect(await attempt(page, { method: 'PUT', url })).toBe(201)
      expect(await attempt(page, { method: 'GET', url })).toBe(200)
      expect(await attempt(page, { method: 'DELETE', url })).toBe(204)
    }
  })

  test('of a chunk server asks the master for metadata, and carries content to and from any chunk server', async () => {
    const page = await newPage()
    await page.goto(`${chunkServer}/docs`)
    const name = `own-${randomUUID()}`
    for (const { url } of nodes.slice(1)) {
      expect([200, 201]).toContain(
        await attempt(page, { method: 'PUT', url: `${url}/v1/files/${directory}/${name}` }),
      )
    }
    expect(await attempt(page, { method: 'HEAD', url: `${master}/v1/files/${directory}/${name}` })).toBe(200)
    // The master passes the body on and redirects nobody, so the browser names the page's own origin.
    expect(await attempt(page, { method: 'PUT', url: `${master}/v1/files/${directory}/${name}` })).toBe(200)
    expect(await attempt(page, { method: 'DELETE', url: `${master}/v1/files/${directory}/${name}` })).toBe(
      204,
    )
  })

  test.each(ORIGINS)('of %s reads nothing', async (_name, open) => {
    const frame = await open(await newPage())
    for (const node of [master, chunkServer]) {
      for (const target of ['/v1/servers', `/v1/files/${directory}/script.js`, '/openapi.json']) {
        expect(await attempt(frame, { method: 'GET', url: `${node}${target}` }), `${node}${target}`).toBe(
          null,
        )
      }
      expect(await runScript(frame, `${node}/v1/files/${directory}/script.js`)).toBe(false)
    }
  })

  test.each(ORIGINS)('of %s changes nothing', async (_name, open) => {
    for (const node of [master, chunkServer]) {
      const page = await newPage()
      const frame = await open(page)
      const name = `foreign-${randomUUID()}`
      const url = `${node}/v1/files/${directory}/${name}`
      expect(await attempt(frame, { method: 'PUT', url })).toBe(null)
      expect(await attempt(frame, { method: 'POST', url })).toBe(null)
      // What needs no leave is sent, and refused.
      expect(await attempt(frame, { method: 'POST', url, mode: 'no-cors' })).not.toBe(201)
      const existing = `${node}/v1/files/${directory}/script.js`
      expect(await attempt(frame, { method: 'DELETE', url: existing })).toBe(null)
      expect(await submitForm(page, frame, url)).toBe(403)
      expect(await statusOf(name)).toBe(404)
      expect(await statusOf('script.js')).toBe(200)
    }
  })

  test('that sends its form round by a redirect changes nothing', async () => {
    const page = await newPage()
    await page.goto(`http://foreign.example:${site.port}/`)
    const to = `${master}/v1/files/${directory}/redirected`
    const round = `http://foreign.example:${site.port}/redirect?to=${encodeURIComponent(to)}`
    expect(await submitForm(page, page, round)).toBe(403)
    expect(await statusOf('redirected')).toBe(404)
  })

  test('cannot put the cluster into a frame', async () => {
    const page = await newPage()
    await page.goto(`http://foreign.example:${site.port}/`)
    const refused = page.waitForEvent('console', {
      predicate: (message) => /frame-ancestors/.test(message.text()),
    })
    await page.setContent(`<iframe src="${master}/docs"></iframe>`)
    expect((await refused).text()).toContain('frame-ancestors')
  })

  test('that was stored in the cluster runs no script', async () => {
    const url = `${chunkServer}/v1/files/${directory}/stored.html`
    const body = '<!doctype html><title>quiet</title><script>document.title = "ran"</script><p>stored</p>'
    await fetch(url, { method: 'PUT', headers: { 'content-type': 'text/html' }, body })
    const page = await newPage()
    await page.goto(url)
    await page.getByText('stored').waitFor()
    expect(await page.title()).toBe('quiet')
  })

  test('under a name that was pointed at the cluster gets nothing', async () => {
    for (const node of [master, chunkServer]) {
      const { port } = new URL(node!)
      const page = await newPage()
      const failures: string[] = []
      page.on('requestfailed', (request) => failures.push(request.failure()?.errorText ?? 'no reason'))
      const answer = await page.goto(`http://rebound.example:${port}/docs`)
      expect(answer?.status()).toBe(421)
      expect(await attempt(page, { method: 'GET', url: '/v1/servers' }), failures.join()).toBe(421)
      const url = `/v1/files/${directory}/rebound`
      for (const method of ['PUT', 'POST', 'DELETE']) {
        expect(await attempt(page, { method, url }), `${method} ${failures.join()}`).toBe(421)
      }
      expect(await statusOf('rebound')).toBe(404)
    }
  })
})
