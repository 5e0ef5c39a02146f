/** The store on SQLite: decisions are the domain's (domain/metadata); here is what is opened, asked for in SQL, and closed. */
import { assert, type Random } from '@dfs/core'
import { type Kept } from '@dfs/wal'
import { type Books } from '../../domain/metadata/books.ts'
import { DecidingStore } from '../../domain/metadata/deciding-store.ts'
import { type KeptFiles } from '../log/kept-files.ts'
import { type MetadataStore } from '../store.ts'
import { type DirectoryLock } from './directory-lock.ts'
import { type SqliteEngine } from './sqlite-engine.ts'
import { type SnapshotMaker, SqliteSource } from './sqlite-source.ts'

export interface StoreParts {
  readonly engine: SqliteEngine
  readonly books: Books
  readonly random: Random
  readonly lock: DirectoryLock | null
  readonly kept: KeptFiles | null
  readonly snapshots: SnapshotMaker
}

export class SqliteStore extends DecidingStore implements MetadataStore {
  readonly source: SqliteSource
  readonly #parts: StoreParts
  #closed: Promise<void> | null = null

  /** Use `openSqliteStore`. */
  constructor(parts: StoreParts) {
    super(parts)
    this.#parts = parts
    this.source = new SqliteSource(parts.engine, parts.snapshots)
  }

  get kept(): readonly Kept[] {
    return this.#parts.kept?.list ?? []
  }

  async forgetTorn(): Promise<void> {
    await this.#parts.kept?.forgetTorn()
  }

  /**
   * The store as the next start of the process would find it: what is committed is read again, under a new epoch. Nothing
   * may call this object any more. For simulated crashes of a master whose database is in memory.
   */
  reopen(random: Random): SqliteStore {
    assert(this.#parts.lock === null && this.#closed === null, 'only an open store in memory is opened again')
    this.#closed = Promise.resolve()
    this.source.endSnapshots()
    const engine = this.#parts.engine.handOver()
    return new SqliteStore({ ...this.#parts, engine, random, books: engine.openBooks(random) })
  }

  /** Rows of the database as they are now, for a check of the whole. */
  rows(sql: string, ...parameters: readonly (number | string)[]): Iterable<Record<string, unknown>> {
    return this.#parts.engine.connection.database.prepare(sql).iterate(...parameters)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const { engine, lock } = this.#parts
    this.source.endSnapshots()
    try {
      await engine.close()
    } finally {
      this.source.close()
      lock?.release()
    }
  }
}
