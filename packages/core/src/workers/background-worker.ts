/**
 * Work that nobody waits for: reading copies again, counting what was deleted, noticing the dead. Each kind is a worker with a
 * name that does one bounded step when it is its turn; when that is, a runner decides (runner.ts). A worker owns no loop, no
 * timer and no promise that outlives its step, so it can be paused between any two steps, and is simulated and tested by calling
 * `step`.
 *
 * What answers somebody in time is no such work: it must never stand behind another one's step.
 */

/** What became of a step. `did` is in the worker's unit. */
export type StepResult =
  /** There is more to do: the next step may follow at once. */
  | { readonly did: number }
  /** Nothing to do for that long. `why` is for operators, and says what it waits for; `failure` is what went wrong, if anything did. */
  | { readonly idleMs: number; readonly why: string; readonly did?: number; readonly failure?: Error }

export interface WorkerProgress {
  readonly done: number
  readonly total: number
}

export interface BackgroundWorker {
  /** Words with hyphens; for ever, since operators script it. */
  readonly name: string
  /** In its lane those with a lower number go first, equal ones take turns. */
  readonly priority: number
  readonly unit: 'bytes' | 'items'
  /** How far it is with what it has before it; null if it cannot say, or has nothing. */
  progress(): WorkerProgress | null
  /**
   * Does at most about `budget`. What can be expected to fail is the worker's to handle; what it throws is a bug and ends the
   * process, unless it is the reason of `signal`, which aborts when the step is to end unfinished.
   */
  step(budget: number, signal: AbortSignal): Promise<StepResult>
}

export interface WorkerStatus {
  readonly name: string
  readonly state: 'running' | 'waiting' | 'paused'
  /** What it waits for; null while it runs. */
  readonly why: string | null
  readonly unit: 'bytes' | 'items'
  readonly progress: WorkerProgress | null
  /** Since the start of the process. */
  readonly did: number
  /** In its unit, of about the last minute. */
  readonly perSecond: number
  /** The last failure; `atMs` is the wall clock's, a label. */
  readonly lastError: { readonly message: string; readonly atMs: number } | null
}
