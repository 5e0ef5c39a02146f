/** `/docs` in a real browser, on the master and on a chunk server: what a person sees, and that every operation with content can be tried. */
import { randomUUID } from 'node:crypto'
import { type Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { launchChromium } from './chromium.ts'
import { SwaggerPage } from './swagger-page.ts'

const nodes = inject('nodes')
const NOBODY = [{ name: 'no node', url: '' }]
/** A master and a chunk server; further chunk servers are the same program. */
const KINDS = 2
const EVERY_BYTE = Buffer.from(Uint8Array.from({ length: 256 }, (_, value) => value))

let browser: Browser
beforeAll(async () => {
  if (nodes.length > 0) browser = await launchChromium()
})
afterAll(() => browser?.close())

async function openDocs(url: string): Promise<SwaggerPage> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } })
  onTestFinished(() => page.close())
  page.setDefaultTimeout(60_000)
  const docs = new SwaggerPage(page)
  await docs.open(url)
  return docs
}

describe.skipIf(nodes.length === 0).each(nodes.length === 0 ? NOBODY : nodes.slice(0, KINDS))(
  'the page of $name',
  ({ url }) => {
    const isOwn = (target: URL): boolean =>
      target.protocol === 'blob:' || nodes.some((node) => target.origin === node.url)

    test('says what there is, in order, and asks nobody else', async () => {
      const docs = await openDocs(url)
      expect(await docs.page.title()).toBe('Distributed file system: API')
      expect(await docs.page.locator('.info .title').innerText()).toContain('Distributed file system')
      // Markdown has become markup.
      expect(await docs.page.locator('.info .description strong').first().innerText()).toBe(
        'Any node answers.',
      )
      const tags = await docs.page.locator('.opblock-tag a').allInnerTexts()
      expect(tags).toEqual(['files', 'directories', 'links', 'entries', 'cluster', 'health'])
      const methods = docs.page.locator('.opblock-tag-section').first().locator('.opblock-summary-method')
      expect(await methods.allInnerTexts()).toEqual(['PUT', 'GET', 'HEAD', 'POST', 'DELETE'])
      const put = docs.operation('files', 'writeFile')
      await put.locator('.opblock-summary-control').click()
      expect(await put.locator('.opblock-description').innerText()).toContain(
        'The answer comes when the bytes are synced',
      )
      expect(await put.locator('tr[data-param-name="path"] input').inputValue()).toBe('docs/hello.txt')
      expect(docs.requested.filter((target) => !isOwn(target))).toEqual([])
      expect(docs.refused).toEqual([])
    })

    test('writes, reads, lists, creates and deletes', async () => {
      const docs = await openDocs(url)
      const directory = `browser-${randomUUID()}`

      const created = await docs.tryOut('files', 'createFile', { path: `${directory}/empty` })
      expect(created.status, created.body).toBe(201)

      const path = `${directory}/every byte.bin`
      const written = await docs.tryOut('files', 'writeFile', {
        path,
        file: { name: 'x.bin', bytes: EVERY_BYTE },
      })
      expect(written.status, written.body).toBe(201)
      expect(JSON.parse(written.body)).toMatchObject({
        path: `/${path}`,
        size: 256,
        contentType: 'application/octet-stream',
      })
      expect(written.headers).toMatch(/durability: copies=\d, ?fsynced=\d/)
      const stored = await fetch(`${url}/v1/files/${encodeURIComponent(path)}`)
      expect(Buffer.from(await stored.arrayBuffer())).toEqual(EVERY_BYTE)

      const text = await docs.tryOut('files', 'writeFile', { path: `${directory}/hello`, text: 'hello' })
      expect(JSON.parse(text.body)).toMatchObject({ size: 5, contentType: 'text/plain' })
      const read = await docs.tryOut('files', 'readFile', { path: `${directory}/hello` })
      expect(read).toMatchObject({ status: 200, body: expect.stringContaining('hello') })

      const listed = await docs.tryOut('directories', 'listDirectory', { path: directory })
      expect(JSON.parse(listed.body)).toMatchObject({
        entries: [{ path: 'empty' }, { path: 'every byte.bin' }, { path: 'hello' }],
      })

      expect(await docs.tryOut('files', 'deleteFile', { path: `${directory}/hello` })).toMatchObject({
        status: 204,
      })
      const gone = await docs.tryOut('files', 'readFile', { path: `${directory}/hello` })
      expect(gone.status).toBe(404)
      expect(gone.body).toContain('FILE_NOT_FOUND')

      expect(docs.requested.filter((target) => !isOwn(target))).toEqual([])
      expect(docs.refused).toEqual([])
    })
  },
)

test.skipIf(nodes.length === 0)('a write to the master stays there: it passes the body on', async () => {
  const docs = await openDocs(nodes[0]!.url)
  const path = `browser-${randomUUID()}/hello`
  expect(await docs.tryOut('files', 'writeFile', { path, text: 'hello' })).toMatchObject({ status: 201 })
  const origins = docs.requested
    .filter(({ pathname }) => pathname.startsWith('/v1/files/'))
    .map(({ origin }) => origin)
  expect(origins).toEqual([nodes[0]!.url])
})

test.skipIf(nodes.length === 0)('a read of the master ends on another port', async () => {
  const docs = await openDocs(nodes[0]!.url)
  const path = `browser-${randomUUID()}/hello`
  await docs.tryOut('files', 'writeFile', { path, text: 'hello' })
  const read = await docs.tryOut('files', 'readFile', { path })
  expect(read).toMatchObject({ status: 200, body: expect.stringContaining('hello') })
  const last = docs.requested.findLast(({ pathname }) => pathname.startsWith('/v1/files/'))
  expect(nodes.slice(1).map((node) => node.url)).toContain(last?.origin)
})
