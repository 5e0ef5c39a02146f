/**
 * How far a transfer is: a line that is redrawn on a terminal, a line now and then elsewhere, nothing with `--quiet`. It
 * draws when told of progress, so it needs no timer.
 */
import { type Writable } from 'node:stream'
import { type Clock } from '@dfs/core'
import { formatBytes, formatCount } from './text.ts'

const TERMINAL_INTERVAL_MS = 100
const PLAIN_INTERVAL_MS = 5000
const BAR_COLUMNS = 24

export interface ProgressOptions {
  readonly clock: Clock
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly isSilent: boolean
}

export class Progress {
  readonly #clock: Clock
  readonly #stderr: ProgressOptions['stderr']
  readonly #isSilent: boolean
  readonly #isTerminal: boolean
  readonly #startedMs: number
  #drawnMs: number
  #bytes = 0
  #files = 0
  #totalBytes: number | null = null
  #isShown = false

  constructor({ clock, stderr, isSilent }: ProgressOptions) {
    this.#clock = clock
    this.#stderr = stderr
    this.#isSilent = isSilent
    this.#isTerminal = stderr.isTTY === true
    this.#startedMs = clock.monotonicMs()
    this.#drawnMs = this.#startedMs
  }

  /** The bytes of everything, if they are known beforehand. */
  expect(totalBytes: number): void {
    this.#totalBytes = totalBytes
  }

  addBytes(count: number): void {
    this.#bytes += count
    this.#maybeDraw()
  }

  addFile(): void {
    this.#files += 1
    this.#maybeDraw()
  }

  /** Takes the line away, so that something else can be written. */
  clear(): void {
    if (!this.#isShown) return
    this.#stderr.write('\r\u001b[K')
    this.#isShown = false
  }

  /** One line about the whole: what was done, how much, how fast. */
  summary(verb: string): string {
    const seconds = Math.max(0.001, (this.#clock.monotonicMs() - this.#startedMs) / 1000)
    const rate = formatBytes(Math.round(this.#bytes / seconds))
    return `${verb} ${formatCount(this.#files, 'file')}, ${formatBytes(this.#bytes)} in ${seconds.toFixed(1)} s (${rate}/s)`
  }

  #maybeDraw(): void {
    if (this.#isSilent) return
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#drawnMs < (this.#isTerminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS)) return
    this.#drawnMs = nowMs
    const line = this.#line(nowMs)
    if (this.#isTerminal) {
      this.#stderr.write(`\r${line.slice(0, (this.#stderr.columns ?? 80) - 1)}\u001b[K`)
      this.#isShown = true
    } else {
      this.#stderr.write(`${line}\n`)
    }
  }

  #line(nowMs: number): string {
    const rate = formatBytes(Math.round((this.#bytes * 1000) / Math.max(1, nowMs - this.#startedMs)))
    const done = `${formatCount(this.#files, 'file')}  ${formatBytes(this.#bytes)}  ${rate}/s`
    if (this.#totalBytes === null || this.#totalBytes === 0) return done
    const share = Math.min(1, this.#bytes / this.#totalBytes)
    const filled = '='.repeat(Math.floor(share * BAR_COLUMNS))
    return `[${filled.padEnd(BAR_COLUMNS)}] ${Math.floor(share * 100)}%  ${done}`
  }
}
