/** Swagger UI as a person uses it: by what can be seen and clicked, never through its insides. */
import { type Locator, type Page } from 'playwright-core'

/** What the page shows after Execute. */
export interface Shown {
  readonly status: number
  readonly body: string
  readonly headers: string
}

/** What the person types and chooses; `file` and `text` are two ways to give a body. */
export interface Input {
  readonly path?: string
  readonly file?: { readonly name: string; readonly bytes: Buffer }
  readonly text?: string
}

export class SwaggerPage {
  readonly page: Page
  /** Everything that the page has sent, redirects included. */
  readonly requested: URL[] = []
  /** What the browser's policy has refused. */
  readonly refused: string[] = []

  constructor(page: Page) {
    this.page = page
    page.on('request', (request) => this.requested.push(new URL(request.url())))
    page.on('console', (message) => {
      if (/Content Security Policy|CORS policy|Refused to/.test(message.text()))
        this.refused.push(message.text())
    })
    page.on('pageerror', (error) => this.refused.push(error.message))
  }

  async open(nodeUrl: string): Promise<void> {
    await this.page.goto(`${nodeUrl}/docs`)
    await this.page.locator('.opblock').first().waitFor()
  }

  operation(tag: string, operationId: string): Locator {
    return this.page.locator(`#operations-${tag}-${operationId}`)
  }

  /** Expands the operation where it is not yet, fills it in, and presses Execute. */
  async tryOut(tag: string, operationId: string, input: Input = {}): Promise<Shown> {
    const operation = this.operation(tag, operationId)
    const tryIt = operation.getByRole('button', { name: 'Try it out' })
    if (!(await operation.locator('.opblock-body').isVisible())) {
      await operation.locator('.opblock-summary-control').click()
      await tryIt.click()
    }
    const clear = operation.getByRole('button', { name: 'Clear', exact: true })
    if (await clear.isVisible()) await clear.click()
    if (input.path !== undefined) await operation.locator('tr[data-param-name="path"] input').fill(input.path)
    await this.#giveBody(operation, input)
    await operation.getByRole('button', { name: 'Execute' }).click()
    return readAnswer(operation)
  }

  async #giveBody(operation: Locator, { file, text }: Input): Promise<void> {
    const mediaType = operation.locator('.opblock-section-request-body').getByRole('combobox').first()
    if (file !== undefined) {
      await mediaType.selectOption('application/octet-stream')
      const choosing = this.page.waitForEvent('filechooser')
      await operation.locator('input[type=file]').click()
      const chooser = await choosing
      await chooser.setFiles({ name: file.name, mimeType: 'application/octet-stream', buffer: file.bytes })
    }
    if (text !== undefined) {
      await mediaType.selectOption('text/plain')
      await operation.locator('textarea').fill(text)
    }
  }
}

async function readAnswer(operation: Locator): Promise<Shown> {
  const answer = operation.locator('.live-responses-table tbody')
  await answer.waitFor()
  const texts = async (heading: string): Promise<string> => {
    // The buttons beside a body have words of their own.
    const block = answer.locator(`h5:text-is("${heading}") ~ *`).locator('xpath=self::pre | .//pre').first()
    return (await block.count()) === 0 ? '' : block.innerText()
  }
  return {
    status: Number.parseInt(await answer.locator('.response-col_status').first().innerText(), 10),
    body: await texts('Response body'),
    headers: await texts('Response headers'),
  }
}
