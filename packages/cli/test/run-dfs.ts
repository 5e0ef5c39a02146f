/** The program as a user starts it: a child process, with its streams and its exit code. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { pausingClock } from '@dfs/client/testing'
import { seededRandom } from '@dfs/core/testing'
import { runProgram } from '../src/index.ts'

export const PROGRAM = fileURLToPath(new URL('../bin/dfs.cjs', import.meta.url))

export interface Ended {
  readonly exitCode: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface RunOptions {
  readonly url: string
  readonly input?: Iterable<Uint8Array>
  /** Called with the process once it runs. */
  readonly started?: (kill: (signal: NodeJS.Signals) => void) => void
}

/** Each program draws by itself, idempotency keys above all. */
let programsRun = 0

export async function runDfs(args: readonly string[], { url, input, started }: RunOptions): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { env: { ...process.env, DFS_URL: url } })
  started?.((signal) => void child.kill(signal))
  const ended = Promise.withResolvers<number | null>()
  child.on('error', ended.reject)
  child.on('close', ended.resolve)
  for (const piece of input ?? []) child.stdin.write(piece)
  child.stdin.end()
  const [stdout, stderr, exitCode] = await Promise.all([
    Array.fromAsync(child.stdout as AsyncIterable<Buffer>),
    Array.fromAsync(child.stderr as AsyncIterable<Buffer>),
    ended.promise,
  ])
  return { exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }
}

/** A line of shell in which `"$@"` starts the program, so that its streams are what a shell makes of them. */
export async function runShell(script: string, args: readonly string[], url: string): Promise<Ended> {
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, PROGRAM, ...args], {
    env: { ...process.env, DFS_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = Promise.withResolvers<number | null>()
  child.on('error', ended.reject)
  child.on('close', ended.resolve)
  const [stdout, stderr, exitCode] = await Promise.all([
    Array.fromAsync(child.stdout as AsyncIterable<Buffer>),
    Array.fromAsync(child.stderr as AsyncIterable<Buffer>),
    ended.promise,
  ])
  return { exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }
}

export interface RunHereOptions {
  readonly isTerminal?: boolean
  /** Ctrl-C. */
  readonly signal?: AbortSignal
}

/** The same in this process, if only what it says and how it ends matters: a process for each takes a second. */
export async function runHere(
  args: readonly string[],
  url: string,
  { isTerminal = false, signal = new AbortController().signal }: RunHereOptions = {},
): Promise<Ended> {
  const [stdin, stderr] = [Readable.from([]), new PassThrough()]
  const stdout = Object.assign(new PassThrough(), { isTTY: isTerminal })
  programsRun += 1
  const [clock, random, version] = [pausingClock(), seededRandom(programsRun), '0']
  const streams = { stdin, stdout, stderr }
  const ended = runProgram({
    argv: args,
    defaultUrl: url,
    clusterKeyFile: undefined,
    version,
    clock,
    random,
    signal,
    ...streams,
  })
  void ended.finally(() => {
    stdout.end()
    stderr.end()
  })
  const [out, err] = await Promise.all([Array.fromAsync(stdout), Array.fromAsync(stderr)])
  return { exitCode: await ended, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }
}

/** A directory that goes away with the test. */
export class ScratchDirectory implements AsyncDisposable {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  static async make(): Promise<ScratchDirectory> {
    return new ScratchDirectory(await mkdtemp(join(tmpdir(), 'dfs-cli-')))
  }

  at(name: string): string {
    return join(this.path, name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}
