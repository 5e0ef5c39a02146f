/**
 * What the program says, and where: results on standard output, everything else on standard error. With `--json` each
 * result is one JSON object on a line of its own, and so is each failure.
 */
import { once } from 'node:events'
import { type Writable } from 'node:stream'
import { DfsError, ERRORS } from '@dfs/protocol'
import { isLocalError, UsageError } from './exit-codes.ts'
import { printable } from './text.ts'

export interface OutputOptions {
  readonly stdout: Writable
  readonly stderr: Writable
  readonly isJson: boolean
  readonly isQuiet: boolean
}

export class Output {
  readonly isJson: boolean
  readonly isQuiet: boolean
  readonly #stdout: Writable
  readonly #stderr: Writable
  /** Clears the progress line, if there is one, before something else is written to the terminal. */
  beforeMessage: () => void = () => {}

  constructor({ stdout, stderr, isJson, isQuiet }: OutputOptions) {
    this.#stdout = stdout
    this.#stderr = stderr
    this.isJson = isJson
    this.isQuiet = isQuiet
  }

  /** One result; `text` is a function so that it costs nothing with `--json`. Waits while the reader is slow. */
  async result(value: unknown, text: () => string): Promise<void> {
    await this.write(Buffer.from(`${this.isJson ? JSON.stringify(value) : text()}\n`))
  }

  /** One result that only `--json` shows. */
  async record(value: unknown): Promise<void> {
    if (this.isJson) await this.result(value, () => '')
  }

  /** Raw bytes on standard output. */
  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#stdout.write(bytes)) await once(this.#stdout, 'drain')
  }

  /** Something worth knowing that is not a result; nothing with `--quiet` or `--json`. */
  notice(text: string): void {
    if (this.isQuiet || this.isJson) return
    this.beforeMessage()
    this.#stderr.write(`${text}\n`)
  }

  /** A failure: what it was about, what went wrong, what to do. Shown even with `--quiet`. */
  failure(subject: string, error: unknown): void {
    this.beforeMessage()
    const { code, detail, fix } = explain(error)
    const text = this.isJson
      ? JSON.stringify({ error: { subject, code, detail, fix } })
      : `dfs: ${printable(subject)}: ${code}: ${printable(detail)}${fix === null ? '' : `\n  ${fix}`}`
    this.#stderr.write(`${text}\n`)
  }
}

interface Explanation {
  readonly code: string
  readonly detail: string
  readonly fix: string | null
}

function explain(error: unknown): Explanation {
  if (error instanceof DfsError) {
    return { code: error.code, detail: error.detail, fix: ERRORS[error.code].fix }
  }
  if (error instanceof UsageError) {
    return { code: 'USAGE', detail: error.message, fix: 'See "dfs help" and "dfs help COMMAND".' }
  }
  if (isLocalError(error)) return { code: error.code, detail: error.message, fix: null }
  return { code: 'ERROR', detail: error instanceof Error ? error.message : String(error), fix: null }
}
