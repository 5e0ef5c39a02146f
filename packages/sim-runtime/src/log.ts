/** Keeps what a node says, so that a failed run can show it. */
import { type Log, type LogFields } from '@dfs/core'

export interface LogLine {
  readonly timeMs: number
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: LogFields
}

/** Lines kept; the oldest go first. */
const LINES_MAX = 10_000

export class LogRecorder implements Log {
  readonly #nowMs: () => number
  #lines: LogLine[] = []

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get lines(): readonly LogLine[] {
    return this.#lines
  }

  debug(fields: LogFields, message: string): void {
    this.#add('debug', fields, message)
  }

  info(fields: LogFields, message: string): void {
    this.#add('info', fields, message)
  }

  warn(fields: LogFields, message: string): void {
    this.#add('warn', fields, message)
  }

  error(fields: LogFields, message: string): void {
    this.#add('error', fields, message)
  }

  #add(level: LogLine['level'], fields: LogFields, message: string): void {
    if (this.#lines.length >= 2 * LINES_MAX) this.#lines = this.#lines.slice(-LINES_MAX)
    this.#lines.push({ timeMs: this.#nowMs(), level, message, fields })
  }
}
