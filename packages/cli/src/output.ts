/**
 * What the program says, and where: results on standard output, everything else on standard error. With `--json` each
 * result is one JSON object on a line of its own, and so is each failure.
 */
import { type Writable } from 'node:stream'
import { printable, printableJson } from '@dfs/core'
import { DfsError, ERRORS } from '@dfs/protocol'
import { isLocalError, UsageError } from './exit-codes.ts'
import { type OutputWritable, ResultStream } from './result-stream.ts'

/** And back to its first column. */
const CLEAR_SCREEN = '\u001b[2J\u001b[H'

export interface OutputOptions {
  readonly stdout: OutputWritable
  readonly stderr: Writable
  readonly isJson: boolean
  readonly isQuiet: boolean
}

export class Output {
  readonly isJson: boolean
  readonly isQuiet: boolean
  readonly #results: ResultStream
  readonly #stderr: Writable
  /** Clears the progress line, if there is one, before something else is written to the terminal. */
  beforeMessage: () => void = () => {}

  constructor({ stdout, stderr, isJson, isQuiet }: OutputOptions) {
    this.#results = new ResultStream(stdout)
    this.#stderr = stderr
    this.isJson = isJson
    this.isQuiet = isQuiet
    // There is nobody left who could be told; the exit code still says how it went.
    stderr.on('error', () => {})
  }

  /** A name as results show it: exactly on its way to another program, harmless on a terminal. */
  readonly shown = (name: string): string => (this.#results.isTerminal ? printable(name) : name)

  /**
   * One result; `text` is a function so that it costs nothing with `--json`. Waits while the reader is slow. `isAgain`: it
   * takes the place of the one before on a terminal.
   */
  async result(value: unknown, text: () => string, { isAgain = false } = {}): Promise<void> {
    const clears = isAgain && !this.isJson && this.#results.isTerminal
    await this.write(line(this.isJson ? jsonOf(value) : `${clears ? CLEAR_SCREEN : ''}${text()}`))
  }

  /** One result that only `--json` shows, of work that is done whether somebody reads of it or not. */
  async jsonResult(value: unknown): Promise<void> {
    if (this.isJson) await this.#results.writeAside(line(jsonOf(value)))
  }

  /** Raw bytes on standard output. Rejects as {@link ResultStream.write} does. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#results.write(bytes)
  }

  /** To be called when the work is done: throws what went wrong with these results. */
  finish(): void {
    this.#results.finish()
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
      ? jsonOf({ error: { subject, code, detail, fix } })
      : `dfs: ${printable(subject)}: ${code}: ${printable(detail)}${fix === null ? '' : `\n  ${fix}`}`
    this.#stderr.write(`${text}\n`)
  }
}

const line = (text: string): Uint8Array => Buffer.from(`${text}\n`)

const jsonOf = (value: unknown): string => printableJson(JSON.stringify(value))

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
  if (isLocalError(error)) {
    const { code, message } = error
    return {
      code,
      detail: message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message,
      fix: null,
    }
  }
  return { code: 'ERROR', detail: error instanceof Error ? error.message : String(error), fix: null }
}
