/** `/` of the master in a real browser: its own policy lets its style in, in light and in dark, and its links lead somewhere. */
import { type Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { launchChromium } from './chromium.ts'

const [master] = inject('nodes')
const CONTRAST_MIN = 4.5

let browser: Browser
beforeAll(async () => {
  if (master !== undefined) browser = await launchChromium()
})
afterAll(() => browser?.close())

/** Of a colour as the browser computes it, `rgb(…)`: as WCAG 2 weighs it. */
function luminance(colour: string): number {
  const parts = (colour.match(/\d+(\.\d+)?/g) ?? []).slice(0, 3).map((part) => Number(part) / 255)
  const [red = 0, green = 0, blue = 0] = parts.map((part) =>
    part <= 0.039_28 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  )
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

interface Colours {
  readonly background: string
  readonly texts: string[]
}

/** Evaluated in the page, whose types are not this program's. */
const COLOURS = `({
  background: getComputedStyle(document.body).backgroundColor,
  texts: [...document.querySelectorAll('p, span, th, td, a, pre, footer')].map((each) => getComputedStyle(each).color),
})`

describe.skipIf(master === undefined)('the page of the master', () => {
  test.each(['light', 'dark'] as const)('can be read in %s', async (colorScheme) => {
    const page = await browser.newPage({ colorScheme, viewport: { width: 900, height: 900 } })
    onTestFinished(() => page.close())
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('requestfailed', (request) => complaints.push(request.url()))
    await page.goto(`${master!.url}/`)
    expect(await page.locator('.state').innerText()).toMatch(/^[●▲✗] (Ready|Not ready)/)
    expect(await page.locator('tbody tr').count()).toBeGreaterThan(0)
    const { background, texts } = await page.evaluate<Colours>(COLOURS)
    expect(luminance(background) > 0.5).toBe(colorScheme === 'light')
    expect(texts.length).toBeGreaterThan(10)
    for (const text of new Set(texts)) expect(contrast(text, background), text).toBeGreaterThan(CONTRAST_MIN)
    expect(complaints).toEqual([])
  })

  test('every link leads to something', async () => {
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    await page.goto(`${master!.url}/`)
    const links = await Promise.all((await page.locator('a').all()).map((link) => link.getAttribute('href')))
    expect(links.length).toBeGreaterThan(5)
    for (const link of new Set(links)) {
      const reply = await page.request.get(`${master!.url}${link}`, { headers: { accept: 'text/html, */*' } })
      expect(reply.status(), String(link)).toBe(200)
    }
  })
})
