/**
 * How late the event loop of other processes is. The watcher (loop-delay-watcher.ts) is loaded into each process that is
 * measured; on SIGUSR2 it leaves what it saw since the last signal in a file named after the process, and starts afresh.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WATCHER_DIRECTORY } from './loop-delay-file.ts'

const WATCHER = new URL('./loop-delay-watcher.ts', import.meta.url).href
const ASK_AGAIN_MS = 5
const ANSWER_WITHIN_MS = 2000

export class LoopDelays {
  readonly #directory = mkdtempSync(join(tmpdir(), 'dfs-bench-'))

  /** Loads the watcher into every process that is started from here on. */
  watchChildren(): void {
    process.env[WATCHER_DIRECTORY] = this.#directory
    process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} --import ${WATCHER}`
  }

  /** The 99th percentile of each process since the last call, in milliseconds; the largest. Null if none answers. */
  async take(pids: Iterable<number>): Promise<number | null> {
    const delays = await Promise.all(Array.from(pids, (pid) => this.#takeOne(pid)))
    const known = delays.filter((delay) => delay !== null)
    return known.length === 0 ? null : Math.max(...known)
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #takeOne(pid: number): Promise<number | null> {
    const file = join(this.#directory, `${pid}.json`)
    rmSync(file, { force: true })
    if (!signal(pid)) return null
    const untilMs = performance.now() + ANSWER_WITHIN_MS
    while (performance.now() < untilMs) {
      const text = contentOf(file)
      if (text !== null) return (JSON.parse(text) as { p99Ms: number }).p99Ms
      await sleep(ASK_AGAIN_MS)
    }
    return null
  }
}

/** False for a process that has ended. */
function signal(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGUSR2')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

function contentOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
