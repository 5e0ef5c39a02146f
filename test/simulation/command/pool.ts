/** Worker processes, and the seeds that they are given one by one. After the first failure no further seed begins. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type SeedResult, type SeedTask } from './worker.ts'

/** Real time after which a run counts as hanging: hundreds of times what one takes, since others may need the processors. */
const SEED_LIMIT_MS = 600_000
const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url))

export interface PoolOptions {
  readonly jobs: number
  /** The next task, or null where no more is to begin. */
  readonly next: () => SeedTask | null
  readonly onResult: (result: SeedResult) => void
  /** Ends everything at once; what is under way has no result then. */
  readonly signal: AbortSignal
}

/** Resolves when all workers have ended. */
export async function runPool({ jobs, next, onResult, signal }: PoolOptions): Promise<void> {
  let hasFailed = false
  const serve = async (): Promise<void> => {
    const worker = fork(WORKER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const kill = (): void => void worker.kill('SIGKILL')
    signal.addEventListener('abort', kill)
    try {
      for (let task = next(); task !== null && !hasFailed; task = next()) {
        const result = await runOn(worker, task)
        if (signal.aborted) break
        hasFailed ||= !result.ok
        onResult(result)
        if (worker.exitCode !== null || worker.signalCode !== null) break
      }
    } finally {
      signal.removeEventListener('abort', kill)
      kill()
    }
  }
  await Promise.all(Array.from({ length: jobs }, serve))
}

function runOn(worker: ChildProcess, task: SeedTask): Promise<SeedResult> {
  return new Promise((resolve) => {
    const settle = (result: SeedResult): void => {
      clearTimeout(timer)
      worker.removeAllListeners('message')
      worker.removeAllListeners('exit')
      resolve(result)
    }
    const fail = (reason: string): void =>
      settle({ seed: task.seed, ok: false, kind: 'promise', reason, lastWords: [] })
    const timer = setTimeout(() => fail(`not finished within ${SEED_LIMIT_MS / 1000} s`), SEED_LIMIT_MS)
    worker.on('message', settle)
    worker.on('exit', (code, signal) => fail(`the worker ended: ${signal ?? code}`))
    worker.send(task)
  })
}
