/**
 * System calls of running processes: strace attaches to them, writes down the chosen calls, and makes some of them return an
 * error on purpose.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { pause } from './chaos-run.ts'
import { callsIn, type SeenCall } from './strace-log.ts'

const ATTACH_WITHIN_MS = 15_000
const POLL_MS = 50
/** Of each buffer that is written: more than a page of the metadata. */
const SHOWN_BYTES = 8192

export interface Watch {
  /** Their calls stand in one log, so that what one did before the other is known. */
  readonly pids: readonly number[]
  /** Names of system calls that are written down. */
  readonly calls: readonly string[]
  /** Those of them that take longer than they would, so that nobody comes after them by chance. */
  readonly slow: { readonly call: string; readonly byMs: number }
  /** Where strace writes. */
  readonly logFile: string
}

export interface Injection {
  readonly pid: number
  /** Only calls on these files fail, and only these are written down. */
  readonly files: readonly string[]
  /** Names of system calls that fail. */
  readonly calls: readonly string[]
  /** Names of system calls that are written down besides. */
  readonly alsoSeen?: readonly string[]
  readonly error: 'EIO' | 'ENOSPC'
  /** Whether only the first call of each thread fails. */
  readonly isOnce?: boolean
  /** Where strace writes. */
  readonly logFile: string
}

export class WatchedCalls implements AsyncDisposable {
  readonly #logFile: string
  readonly #strace: ChildProcess
  readonly #ended: Promise<unknown>

  private constructor(logFile: string, strace: ChildProcess) {
    this.#logFile = logFile
    this.#strace = strace
    this.#ended = once(strace, 'close')
  }

  /** Resolves when the calls are written down. */
  static start({ pids, calls, slow, logFile }: Watch): Promise<WatchedCalls> {
    const slowed = `inject=${slow.call}:delay_enter=${slow.byMs * 1000}`
    const what = [`--string-limit=${SHOWN_BYTES}`, '-e', traceOf(calls), '-e', slowed]
    return WatchedCalls.#attach(pids, logFile, what)
  }

  /** Resolves when the calls fail. */
  static startFailing(injection: Injection): Promise<WatchedCalls> {
    const { pid, files, calls, alsoSeen = [], error, isOnce = false, logFile } = injection
    const injected = `inject=${calls.join(',')}:error=${error}${isOnce ? ':when=1' : ''}`
    const paths = files.flatMap((file) => ['-P', file])
    const what = ['-e', traceOf([...calls, ...alsoSeen]), '-e', injected, ...paths]
    return WatchedCalls.#attach([pid], logFile, what)
  }

  static async #attach(
    pids: readonly number[],
    logFile: string,
    what: readonly string[],
  ): Promise<WatchedCalls> {
    const whom = pids.flatMap((pid) => ['-p', String(pid)])
    const strace = spawn('strace', ['--follow-forks', '--decode-fds=path', '-o', logFile, ...whom, ...what])
    const watched = new WatchedCalls(logFile, strace)
    let said = ''
    strace.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text))
    const endMs = performance.now() + ATTACH_WITHIN_MS
    while (!pids.every((pid) => said.includes(`Process ${pid} attached`))) {
      if (strace.exitCode !== null || performance.now() > endMs)
        throw new Error(`strace did not attach: ${said}`)
      await pause(POLL_MS)
    }
    return watched
  }

  /** What was seen up to now, in the order in which the calls returned. */
  get seen(): SeenCall[] {
    return callsIn(readFileSync(this.#logFile, 'utf8'))
  }

  get failuresCount(): number {
    return this.seen.filter(({ hasFailed }) => hasFailed).length
  }

  /** The processes go on undisturbed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#strace.kill('SIGTERM')
    await this.#ended
  }
}

const traceOf = (calls: readonly string[]): string => `trace=${calls.join(',')}`
