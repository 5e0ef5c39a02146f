/**
 * System calls of a running process that fail on purpose: strace attaches to it, makes the chosen calls on the chosen files
 * return an error, and writes down every one of them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { pause } from './chaos-run.ts'

const ATTACH_WITHIN_MS = 15_000
const POLL_MS = 50

export interface Injection {
  readonly pid: number
  /** Only calls on these files fail, and only these are written down. */
  readonly files: readonly string[]
  /** Names of system calls that fail. */
  readonly calls: readonly string[]
  /** Names of system calls that are written down besides. */
  readonly alsoSeen?: readonly string[]
  readonly error: 'EIO' | 'ENOSPC'
  /** Where strace writes. */
  readonly logFile: string
}

/** One system call, in the order in which they returned. */
export interface SeenCall {
  readonly name: string
  readonly file: string
  readonly hasFailed: boolean
}

export class FailingCalls implements AsyncDisposable {
  readonly #logFile: string
  readonly #strace: ChildProcess
  readonly #ended: Promise<unknown>

  private constructor(logFile: string, strace: ChildProcess) {
    this.#logFile = logFile
    this.#strace = strace
    this.#ended = once(strace, 'close')
  }

  /** Resolves when the calls fail. */
  static async start({ pid, files, calls, alsoSeen = [], error, logFile }: Injection): Promise<FailingCalls> {
    const seen = `trace=${[...calls, ...alsoSeen].join(',')}`
    const injected = `inject=${calls.join(',')}:error=${error}`
    const paths = files.flatMap((file) => ['-P', file])
    const attach = ['--follow-forks', '--decode-fds=path', '-o', logFile, '-p', String(pid)]
    const strace = spawn('strace', [...attach, '-e', seen, '-e', injected, ...paths])
    const failing = new FailingCalls(logFile, strace)
    let said = ''
    strace.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text))
    const endMs = performance.now() + ATTACH_WITHIN_MS
    while (!/Process \d+ attached/.test(said)) {
      if (strace.exitCode !== null || performance.now() > endMs)
        throw new Error(`strace did not attach: ${said}`)
      await pause(POLL_MS)
    }
    return failing
  }

  /** What was seen up to now. */
  get seen(): SeenCall[] {
    const lines = readFileSync(this.#logFile, 'utf8').split('\n')
    return lines.flatMap((line) => {
      const [, name, file] = /^\d+ +(\w+)\(\d+<([^>]+)>/.exec(line) ?? []
      return name === undefined ? [] : [{ name, file: file!, hasFailed: line.includes('(INJECTED)') }]
    })
  }

  get failuresCount(): number {
    return this.seen.filter(({ hasFailed }) => hasFailed).length
  }

  /** The process goes on undisturbed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#strace.kill('SIGTERM')
    await this.#ended
  }
}
