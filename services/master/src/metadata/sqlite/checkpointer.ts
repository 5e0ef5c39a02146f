/**
 * Keeps the write-ahead log short without stopping the answers. A worker thread with a connection of its own copies
 * pages into the database (a passive checkpoint: it waits for nobody and nobody waits for it). Under load the writer is
 * always ahead of it, so the log could grow for ever; when little is left to copy, or the log is far too long, the
 * answering connection itself finishes and starts the log again. What looks at the log's length also keeps room ahead of it
 * (log-room.ts).
 *
 * While somebody reads the database file as it stands (snapshot-reader.ts) nothing starts the log again: SQLite would make the
 * answering connection wait for that reader. So the log grows, up to a bound, and no further than half of what the disk has.
 */
import { statfsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { type DatabaseSync } from 'node:sqlite'
import { assert, formatBytes } from '@dfs/core'
import { DfsError } from '@dfs/protocol'
import { type Connection } from './connection.ts'
import { FRAME_BYTES, keepLogRoom } from './log-room.ts'
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
  /** Frames in the log at which whoever reads the file as it stands has to give up. */
  readonly framesHeldMax: number
}

export const CHECKPOINT_LIMITS: CheckpointLimits = Object.freeze({
  lookEvery: 16,
  framesWorthwhile: 4096,
  framesFew: 512,
  framesMax: 131_072,
  framesHeldMax: 262_144,
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
  /** Told when the log has become too long. */
  #holder: ((why: string) => void) | null = null
  #waiting: PromiseWithResolvers<void>[] = []
  #isClosing = false
  #restarts = 0

  constructor(connection: Connection, file: string, limits: CheckpointLimits) {
    this.#connection = connection
    this.#limits = limits
    this.#look = checkpoint(connection.database, 'NOOP')
    this.#restart = checkpoint(connection.database, 'RESTART')
    this.#commitsUntilLook = limits.lookEvery
    this.#file = file
    // A log that had to wait for a reader gives back what it took beyond this.
    connection.database.exec(`PRAGMA journal_size_limit = ${limits.framesMax * FRAME_BYTES}`)
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
    if (this.#holder !== null) {
      this.#boundHeld(state, this.#holder)
      return
    }
    const isWorthwhile = state.log - state.checkpointed >= this.#limits.framesWorthwhile
    if (isWorthwhile && !this.#isUnderWay) this.#startPass()
  }

  /** How the log is now. */
  look(): LogState {
    return this.#look.first()!
  }

  /** Resolves after a pass, one that is under way or another. Throws UNAVAILABLE if the disk is full or the store closes. */
  nextPass(): Promise<void> {
    if (this.#isClosing) return Promise.reject(CLOSED)
    if (!this.#isUnderWay) this.#startPass()
    const waiting = Promise.withResolvers<void>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  /** Nothing starts the log again until this is disposed of. For one at a time; `onTooLong` is told at most once why it must end. */
  hold(onTooLong: (why: string) => void): Disposable {
    assert(this.#holder === null, 'one holds the log at a time')
    this.#holder = onTooLong
    return { [Symbol.dispose]: () => (this.#holder = null) }
  }

  /** Resolves when the worker has ended; a pass under way is finished first. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#worker?.postMessage('close')
    await this.#ended
    this.#settle(CLOSED)
  }

  #keepRoom({ log }: LogState): void {
    keepLogRoom(`${this.#file}-wal`, log)
  }

  #boundHeld({ log }: LogState, tooLong: (why: string) => void): void {
    const bytes = log * FRAME_BYTES
    const { bavail, bsize } = statfsSync(this.#file)
    if (log < this.#limits.framesHeldMax && bytes < bavail * bsize) return
    this.#holder = () => {}
    tooLong(`the log has grown to ${formatBytes(bytes)} meanwhile`)
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
        if (!this.#isClosing)
          this.#settle(this.#connection.poison(new Error('the checkpoint thread has ended')))
        resolve()
      })
    })
    return worker
  }

  #afterPass(outcome: 'passed' | 'full'): void {
    this.#isUnderWay = false
    this.#settle(outcome === 'full' ? FULL : null)
    // Without room the next pass is left to a later look, and one that holds the log says itself when it needs another.
    if (this.#isClosing || outcome === 'full' || this.#holder !== null) return
    try {
      this.#finish()
    } catch (error) {
      this.#connection.poison(error)
    }
  }

  #settle(error: Error | null): void {
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === null) resolve()
      else reject(error)
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

const CLOSED = new DfsError('UNAVAILABLE', 'the metadata store is closed')
const FULL = new DfsError(
  'UNAVAILABLE',
  "there is no room on the master's disk to bring its database up to date",
)

const checkpoint = (database: DatabaseSync, mode: 'NOOP' | 'RESTART'): Query<LogState> =>
  new Query(database, `PRAGMA wal_checkpoint(${mode})`)
