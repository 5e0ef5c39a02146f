/** A launcher under test: its output as events, its processes, and the certainty that none of them outlives the test. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ReservedPorts, reservePorts } from '../reserved-ports.ts'

const PROGRAM = fileURLToPath(new URL('./stub-cluster.ts', import.meta.url))
const POLL_MS = 20

export interface LaunchOptions {
  /** Started by `sh -c`, which does not pass signals on, as npm does it. */
  readonly throughShell?: boolean
  readonly arguments?: readonly string[]
  /** One that the test has reserved; by default one that is reserved for this launcher. */
  readonly portOffset?: number
}

/**
 * Every wait of these tests is for an event, and ends with the reason for its failure rather than with the time limit of the
 * runner: below that, and far above what the busiest machine takes.
 */
export const PATIENCE_MS = 180_000

export class Launched {
  readonly directory: string
  readonly portOffset: number
  readonly lines: string[] = []
  readonly process: ChildProcess
  readonly #ended: Promise<unknown>

  readonly #ports: ReservedPorts | null

  private constructor(
    directory: string,
    portOffset: number,
    ports: ReservedPorts | null,
    options: LaunchOptions,
  ) {
    this.#ports = ports
    this.directory = directory
    this.portOffset = portOffset
    const argv = ['--data', directory, '--port-offset', String(portOffset), ...(options.arguments ?? [])]
    const command = [process.execPath, PROGRAM, ...argv]
    this.process =
      options.throughShell === true
        ? spawn('sh', ['-c', `"$@"; exit $?`, 'sh', ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
        : spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#ended = once(this.process, 'exit')
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      createInterface(stream).on('line', (line) => this.lines.push(line))
    }
  }

  static async start(directory: string, options: LaunchOptions = {}): Promise<Launched> {
    if (options.portOffset !== undefined) return new Launched(directory, options.portOffset, null, options)
    const ports = await reservePorts()
    return new Launched(directory, ports.offset, ports, options)
  }

  /** Resolves when a line contains `text`; fails the test, showing all lines, when the launcher ends without it. */
  async saw(text: string): Promise<void> {
    await until(() => {
      if (this.lines.some((line) => line.includes(text))) return true
      if (this.process.exitCode !== null)
        throw new Error(`ended without "${text}":\n${this.lines.join('\n')}`)
      return false
    })
  }

  /** Resolves to the exit code; null after a signal. */
  async exitCode(): Promise<number | null> {
    await this.#ended
    return this.process.exitCode
  }

  /** Command lines of all processes that work for this launcher's directory or are the launcher. */
  survivors(): string[] {
    return processesMentioning(this.directory)
  }

  async end(): Promise<void> {
    this.process.kill('SIGTERM')
    await this.#ended
    this.#ports?.reservation.close()
  }
}

/** Polls, because what is waited for happens in other processes. */
export async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS
  while (!condition()) {
    if (performance.now() > endMs)
      throw new Error(`still not so after ${PATIENCE_MS} ms: ${condition.toString()}`)
    await sleep(POLL_MS)
  }
}

export function withDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'dfs-launcher-'))
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true })
}

/** Looks into /proc: a service is known by its environment, a launcher by its arguments. */
function processesMentioning(directory: string): string[] {
  return readdirSync('/proc').flatMap((id) => {
    if (!/^\d+$/.test(id)) return []
    const command = contentOf(`/proc/${id}/cmdline`)
    const environment = contentOf(`/proc/${id}/environ`)
    return command !== '' && (command.includes(directory) || environment.includes(directory)) ? [command] : []
  })
}

/** Empty for a process that has just ended or is another user's. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error) return ''
    throw error
  }
}
