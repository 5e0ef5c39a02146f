/** Pages that do not belong to the cluster, each with another origin, and what such a page can attempt. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { type Frame, type Page } from 'playwright-core'

/** As much of a page's document as its scripts below use; they run in the browser, and the rest of the project has none. */
interface PageElement {
  addEventListener(type: 'load' | 'error', listener: () => void): void
  src: string
  submit(): void
}
declare const document: {
  readonly body: { append(element: PageElement): void }
  createElement(name: 'form' | 'script'): PageElement
}

export interface ForeignSite {
  readonly port: number
  readonly close: () => Promise<void>
}

const EMPTY = '<!doctype html><title>foreign</title><p>foreign</p>'

/** Serves an empty page everywhere; `/redirect?to=URL` answers 307, so that a form's POST goes on with its body. */
export async function startForeignSite(): Promise<ForeignSite> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://foreign.example')
    request.resume()
    if (pathname === '/redirect') response.writeHead(307, { location: searchParams.get('to') ?? '/' }).end()
    else response.writeHead(200, { 'content-type': 'text/html' }).end(EMPTY)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A frame without an origin of its own, that may run scripts and send forms. */
export async function openSandboxedFrame(page: Page): Promise<Frame> {
  await page.setContent(
    `<iframe sandbox="allow-scripts allow-forms" srcdoc="${EMPTY.replaceAll('"', '&quot;')}"></iframe>`,
  )
  const element = await page.waitForSelector('iframe')
  const frame = await element.contentFrame()
  if (frame === null) throw new Error('the frame has no document')
  await frame.getByText('foreign').waitFor()
  return frame
}

export interface Attempt {
  readonly method: string
  readonly url: string
  readonly mode?: 'cors' | 'no-cors'
}

/** The status that a script in the page gets to see; 0 for an answer that it may not look into, null for none. */
export const attempt = (
  frame: Frame | Page,
  { method, url, mode = 'cors' }: Attempt,
): Promise<number | null> =>
  frame.evaluate(
    async (request) => {
      const body = request.method.startsWith('P') ? 'foreign' : null
      const answer = await fetch(request.url, { method: request.method, mode: request.mode, body }).catch(
        () => null,
      )
      return answer === null ? null : answer.status
    },
    { method, url, mode },
  )

/** Sends a form, as any page may, and returns the status of the page that comes back. */
export async function submitForm(page: Page, frame: Frame | Page, url: string): Promise<number> {
  // The navigation may go through redirects; the answer to the last of them counts.
  const answered = page.waitForResponse(
    (response) => response.request().isNavigationRequest() && response.status() !== 307,
  )
  await frame.evaluate((action) => {
    const form = document.createElement('form')
    Object.assign(form, { method: 'post', action, enctype: 'text/plain' })
    document.body.append(form)
    form.submit()
  }, url)
  return (await answered).status()
}

/** Whether the page gets a script from `url` to run. */
export const runScript = (frame: Frame | Page, url: string): Promise<boolean> =>
  frame.evaluate(
    (src) =>
      new Promise<boolean>((resolve) => {
        const script = document.createElement('script')
        script.addEventListener('load', () => resolve(true))
        script.addEventListener('error', () => resolve(false))
        script.src = src
        document.body.append(script)
      }),
    url,
  )
