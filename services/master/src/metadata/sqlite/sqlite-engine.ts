/**
 * SQLite as an engine: transactions on one connection, each carried out before the call returns. Rows are read where they
 * stand, so nothing is named beforehand.
 */
import { hash } from 'node:crypto'
import { type Random } from '@dfs/core'
import { DfsError, type Epoch } from '@dfs/protocol'
import { type Books, openBooks } from '../../domain/metadata/books.ts'
import { type Rows } from '../../domain/metadata/rows.ts'
import { type Engine, type Frame, runAtOnce, type Work } from '../../domain/metadata/work.ts'
import { NOWHERE } from '../metadata-source.ts'
import { ChangeCapture } from './change-capture.ts'
import { type Checkpointer } from './checkpointer.ts'
import { type Connection } from './connection.ts'
import { sqliteRows } from './rows/sqlite-rows.ts'

export class SqliteEngine implements Engine {
  readonly connection: Connection
  readonly rows: Rows
  /** Begins before the first transaction. */
  readonly capture: ChangeCapture
  #position: () => Epoch = () => NOWHERE
  #checkpointer: Checkpointer | null = null
  #isClosed = false

  constructor(connection: Connection) {
    this.connection = connection
    this.rows = sqliteRows(connection.database)
    this.capture = new ChangeCapture(connection.database)
  }

  /** Where the store is. */
  get position(): Epoch {
    return this.#position()
  }

  /** The checkpointer belongs to the engine from now on. */
  keepLogShort(checkpointer: Checkpointer): void {
    this.#checkpointer = checkpointer
  }

  async change<T>(work: Work<T>, frame: Frame<T>): Promise<T> {
    this.#requireOpen()
    const result = this.connection.write(() => {
      const outcome = runAtOnce(work)
      frame.save(outcome)
      return outcome
    })
    frame.committed(result)
    this.#afterCommit()
    return result
  }

  async read<T>(work: Work<T>): Promise<T> {
    this.#requireOpen()
    return this.connection.read(() => runAtOnce(work))
  }

  openBooks(random: Random): Books {
    const books = this.connection.write(() => openBooks(this.rows, { random, digest: sha256 }))
    books.state.noteCommitted()
    this.#position = () => books.state.epoch
    return books
  }

  /** Another engine on the connection of one that keeps no log short. This one is closed. */
  handOver(): SqliteEngine {
    this.#isClosed = true
    this.capture.close()
    return new SqliteEngine(this.connection)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#checkpointer?.close()
    this.capture.close()
    this.connection.finish()
  }

  /** Hands over all that was changed. Throws InvariantError if the connection has failed. */
  flush(): void {
    this.connection.requireSound()
    this.#capturing(() => this.capture.take(this.position))
  }

  #afterCommit(): void {
    this.#capturing(() => this.capture.noteCommit(this.#position))
    this.#checkpointer?.noteCommit()
  }

  /** Whoever fails here, or is told and throws, leaves unknown what copies elsewhere have. */
  #capturing(work: () => void): void {
    try {
      work()
    } catch (error) {
      throw this.connection.poison(error)
    }
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new DfsError('UNAVAILABLE', 'the metadata store is closed')
  }
}

export const sha256 = (text: string): Uint8Array => hash('sha256', text, 'buffer')
