/** What SQLite gives to copies elsewhere: change sets from the answering connection, and snapshots, of which there is one at a time. */
import { QueueFullError, Semaphore } from '@dfs/core'
import { DfsError, type Epoch, MIB } from '@dfs/protocol'
import { type ChangeSet, type MetadataSource, type Snapshot } from '../metadata-source.ts'
import { numberOf } from './query.ts'
import { SnapshotEnd } from './snapshot-end.ts'
import { type SqliteEngine } from './sqlite-engine.ts'

/** Whose changes are captured. */
export type CapturedEngine = Pick<SqliteEngine, 'connection' | 'capture' | 'position' | 'flush'>

const PIECE_BYTES = MIB
const WAITING_MAX = 8

export interface SnapshotRequest {
  /** To be called at the snapshot's moment; gives its position. */
  readonly atMoment: () => Epoch
  /** Whatever the snapshot needs is let go of then, whether it was made or not. */
  readonly end: SnapshotEnd
  readonly signal: AbortSignal
}

/** A database that stands still. */
export interface Standing {
  readonly position: Epoch
  readonly schema: number
  readonly bytesTotal: number
  /** So many bytes of the file from `at` on. Throws UNAVAILABLE. */
  read(at: number, sizeBytes: number): Promise<Uint8Array>
  /** Rejects with InvariantError if it has not stood still. */
  prove(): Promise<void>
}

/** Where snapshots come from. */
export interface SnapshotMaker {
  /** Throws UNAVAILABLE, and the signal's reason. */
  make(request: SnapshotRequest): Promise<Standing>
  /** To be called after the database was closed. */
  close(): void
}

type OnMoment = (position: Epoch) => void

export class SqliteSource implements MetadataSource {
  readonly schema: number
  readonly #engine: CapturedEngine
  readonly #maker: SnapshotMaker
  readonly #turns = new Semaphore(1, WAITING_MAX)
  #present: SnapshotEnd | null = null
  #isClosed = false

  constructor(engine: CapturedEngine, maker: SnapshotMaker) {
    this.#engine = engine
    this.#maker = maker
    this.schema = numberOf(engine.connection.database, 'user_version')
  }

  capture(onChanges: (changes: ChangeSet) => void): void {
    this.#engine.capture.begin(this.position(), onChanges)
  }

  flush(): void {
    this.#engine.flush()
  }

  position(): Epoch {
    return this.#engine.position
  }

  sizeBytes(): number {
    const { database } = this.#engine.connection
    return numberOf(database, 'page_count') * numberOf(database, 'page_size')
  }

  async snapshot(signal: AbortSignal, onMoment: OnMoment = () => {}): Promise<Snapshot> {
    await this.#takeTurn(signal)
    const end = new SnapshotEnd()
    end.needs(() => this.#turns.release())
    this.#present = end
    try {
      if (this.#isClosed) end.giveUp(CLOSED)
      end.requireNone()
      const standing = await this.#maker.make({ atMoment: () => this.#moment(end, onMoment), end, signal })
      end.requireNone()
      return snapshotOf(standing, end)
    } catch (error) {
      end.come()
      throw error
    }
  }

  /** No snapshot begins any more, and the present one ends. */
  endSnapshots(): void {
    this.#isClosed = true
    this.#present?.giveUp(CLOSED)
  }

  /** To be called after the database was closed. */
  close(): void {
    this.#maker.close()
  }

  #moment(end: SnapshotEnd, onMoment: OnMoment): Epoch {
    end.requireNone()
    this.flush()
    const position = this.position()
    onMoment(position)
    return position
  }

  async #takeTurn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const turn = this.#turns.acquire()
    const aborted = Promise.withResolvers<never>()
    const onAbort = (): void => aborted.reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    try {
      await Promise.race([turn, aborted.promise])
    } catch (error) {
      if (error instanceof QueueFullError) throw new DfsError('UNAVAILABLE', TOO_MANY, { cause: error })
      void turn.then(() => this.#turns.release())
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}

const CLOSED = 'the metadata store is closed'
const TOO_MANY = 'too many wait for a snapshot of the metadata'

function snapshotOf(standing: Standing, end: SnapshotEnd): Snapshot {
  const { position, schema, bytesTotal } = standing
  return {
    position,
    schema,
    bytesTotal,
    pieces: () => piecesOf(standing, end),
    [Symbol.asyncDispose]: async () => end.come(),
  }
}

async function* piecesOf(standing: Standing, end: SnapshotEnd): AsyncGenerator<Uint8Array> {
  const { bytesTotal } = standing
  try {
    for (let at = 0; at < bytesTotal;) {
      end.requireNone()
      const piece = await standing.read(at, Math.min(PIECE_BYTES, bytesTotal - at))
      // What was read while the end came may be newer.
      end.requireNone()
      at += piece.byteLength
      if (at === bytesTotal) await standing.prove()
      yield piece
    }
  } finally {
    end.come()
  }
}
