/**
 * Keeps the write-ahead log short without stopping the answers. A worker thread with a connection of its own copies
 * pages into the database (a passive checkpoint: it waits for nobody and nobody waits for it). Under load the writer is
 * always ahead of it, so the log could grow for ever; when little is left to copy, or the log is far too long, the
 * answering connection itself finishes and starts the log again. What looks at the log's length also keeps room ahead of it
 * (log-room.ts).
 */
import { Worker } from 'node:worker_threads'
import { type DatabaseSync } from 'node:sqlite'
import { type Connection } from './connection.ts'
import { keepLogRoom } from './log-room.ts'
import { Query } from './query.ts'

export interface CheckpointLimits {
  /** Transactions between two looks at the log. */
  readonly lookEvery: number
  /** Frames (pages of 4 KiB) not yet copied that are worth a checkpoint. */
  readonly framesWorthwhile: number
  /** Frames left that the answering connection may copy itself. */
  readonly framesFew: number
  /** Frames in the log beyond which it must, whatever is left. */
  readonly framesMax: number
}

export const CHECKPOINT_LIMITS: CheckpointLimits = Object.freeze({
  lookEvery: 16,
  framesWorthwhile: 4096,
  framesFew: 512,
  framesMax: 131_072,
})

interface LogState {
  readonly busy: number
  readonly log: number
  readonly checkpointed: number
}

export class Checkpointer {
  readonly #connection: Connection
  readonly #limits: CheckpointLimits
  readonly #file: string
  readonly #look: Query<LogState>
  readonly #restart: Query<LogState>
  /** Started when it is needed first. */
  #worker: Worker | null = null
  /** Resolves when the worker has ended, by itself or because it was told to. */
  #ended: Promise<void> = Promise.resolve()
  #commitsUntilLook: number
  #isUnderWay = false
  #isClosing = false
  #restarts = 0

  constructor(connection: Connection, file: string, limits: CheckpointLimits) {
    this.#connection = connection
    this.#limits = limits
    this.#look = checkpoint(connection.database, 'NOOP')
    this.#restart = checkpoint(connection.database, 'RESTART')
    this.#commitsUntilLook = limits.lookEvery
    this.#file = file
    this.#keepRoom(this.#look.first()!)
  }

  /** How often the log was started again; for tests and metrics. */
  get restartCount(): number {
    return this.#restarts
  }

  /** To be called after each commit, outside of any transaction. */
  noteCommit(): void {
    this.#commitsUntilLook -= 1
    if (this.#commitsUntilLook > 0 || this.#isClosing) return
    this.#commitsUntilLook = this.#limits.lookEvery
    const state = this.#look.first()!
    this.#keepRoom(state)
    const isWorthwhile = state.log - state.checkpointed >= this.#limits.framesWorthwhile
    if (isWorthwhile && !this.#isUnderWay) this.#startPass()
  }

  #keepRoom({ log }: LogState): void {
    keepLogRoom(`${this.#file}-wal`, log)
  }

  /** Resolves when the worker has ended; a pass under way is finished first. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#worker?.postMessage('close')
    await this.#ended
  }

  #startPass(): void {
    this.#isUnderWay = true
    this.#worker ??= this.#startWorker()
    this.#worker.postMessage('pass')
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url), { workerData: this.#file })
    worker.on('message', (outcome: 'passed' | 'full') => this.#afterPass(outcome))
    worker.on('error', (error) => this.#connection.poison(error))
    // One that has died is not told to end any more: it may have done so long before anybody waits for it.
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => {
        if (!this.#isClosing) this.#connection.poison(new Error('the checkpoint thread has ended'))
        resolve()
      })
    })
    return worker
  }

  #afterPass(outcome: 'passed' | 'full'): void {
    this.#isUnderWay = false
    // Without room the next pass is left to a later look.
    if (this.#isClosing || outcome === 'full') return
    try {
      this.#finish()
    } catch (error) {
      this.#connection.poison(error)
    }
  }

  #finish(): void {
    const { log, checkpointed } = this.#look.first()!
    const left = log - checkpointed
    if (left <= this.#limits.framesFew || log >= this.#limits.framesMax) {
      this.#restarts += this.#restart.first()!.busy === 0 ? 1 : 0
    } else {
      this.#startPass()
    }
  }
}

const checkpoint = (database: DatabaseSync, mode: 'NOOP' | 'RESTART'): Query<LogState> =>
  new Query(database, `PRAGMA wal_checkpoint(${mode})`)
