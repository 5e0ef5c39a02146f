/**
 * The one row that says whose database this is and how far it is: cluster, epoch, sequence, totals. Opening raises the
 * epoch and commits that before anything else, so no id made here was ever made before, not even by the original of
 * which this database is a restored copy (R6).
 */
import { type Random } from '@dfs/core'
import { DfsError, type Epoch, FEATURE_LEVEL, makeId } from '@dfs/protocol'
import { type Connection } from './connection.ts'
import { listed } from './insert.ts'
import { Query } from './query.ts'
import { Starts } from './starts.ts'

interface StateRow {
  readonly cluster_id: string
  readonly epoch: number
  readonly sequence: number
  readonly files: number
  readonly directories: number
  readonly links: number
  readonly file_bytes: number
  readonly cluster_ms: number
  readonly key_generation: number
  readonly key_generation_since_ms: number
  readonly key_count: number
  readonly feature_level: number
}

const COLUMNS = [
  'cluster_id',
  'epoch',
  'sequence',
  'files',
  'directories',
  'links',
  'file_bytes',
  'cluster_ms',
  'key_generation',
  'key_generation_since_ms',
  'key_count',
  'feature_level',
] as const satisfies (keyof StateRow)[]

/** Of a new cluster. The columns that are not named begin with what the schema says. */
const FIRST = `INSERT OR IGNORE INTO state
  (one, cluster_id, epoch, nonce, sequence, files, directories, links, file_bytes)
  VALUES (1, ?, 0, '', 0, 0, 0, 0, 0)`

export interface Counters {
  files: number
  directories: number
  links: number
  fileBytes: number
}

/** The idempotency keys that came together: see idempotency-keys.ts. */
export interface KeyGeneration {
  number: number
  /** Cluster time. */
  sinceMs: number
  keysCount: number
}

export class State {
  readonly clusterId: string
  readonly #epoch: number
  readonly #nonce: string
  readonly #save: Query
  readonly #starts: Starts
  /** Changed in memory by commands, saved at the end of their transaction. */
  readonly counters: Counters
  readonly keyGeneration: KeyGeneration
  #clusterMs: number
  #sequence: number
  #idsMade = 0
  #featureLevel: number

  /** Reads the row, or makes it, and raises the epoch durably. Throws UNAVAILABLE where a newer program is in use. */
  constructor(connection: Connection, random: Random) {
    const { database } = connection
    this.#starts = new Starts(database)
    this.#save = new Query(
      database,
      `UPDATE state SET sequence = ?, files = ?, directories = ?, links = ?, file_bytes = ?, cluster_ms = ?,
       key_generation = ?, key_generation_since_ms = ?, key_count = ?, feature_level = ?`,
    )
    const row = connection.write(() => {
      new Query(database, FIRST).run(hexadecimal(random.bytes(16)))
      return new Query<StateRow>(database, `SELECT ${listed(COLUMNS)} FROM state`).first()!
    })
    requireReadable(row.feature_level)
    this.clusterId = row.cluster_id
    this.#featureLevel = row.feature_level
    this.#epoch = row.epoch + 1
    this.#nonce = hexadecimal(random.bytes(8))
    this.#sequence = row.sequence
    this.counters = {
      files: row.files,
      directories: row.directories,
      links: row.links,
      fileBytes: row.file_bytes,
    }
    this.#clusterMs = row.cluster_ms
    this.keyGeneration = {
      number: row.key_generation,
      sinceMs: row.key_generation_since_ms,
      keysCount: row.key_count,
    }
    connection.write(() => {
      new Query(database, 'UPDATE state SET epoch = ?, nonce = ?').run(this.#epoch, this.#nonce)
      this.#starts.add(this.epoch)
      this.save()
    })
    this.noteCommitted()
  }

  get epoch(): Epoch {
    return { counter: this.#epoch, nonce: this.#nonce, sequence: this.#sequence }
  }

  /** Whether all that was seen of a start of the master is in this database. */
  includes(seen: Epoch): boolean {
    return this.#starts.include(seen, this.#epoch)
  }

  /** What the servers may write: every one of them reads it. */
  get featureLevel(): number {
    return this.#featureLevel
  }

  /** All servers read up to this level: what is newer than the level so far may be written once this is committed. */
  raiseFeatureLevel(level: number): void {
    this.#featureLevel = Math.max(this.#featureLevel, Math.min(level, FEATURE_LEVEL))
  }

  /** Cluster time as it will be saved. */
  get clusterMs(): number {
    return this.#clusterMs
  }

  /** Time goes on, never back. */
  advanceTime(clusterMs: number): void {
    this.#clusterMs = Math.max(this.#clusterMs, clusterMs)
  }

  /** The number that the transaction under way will have. */
  get nextSequence(): number {
    return this.#sequence + 1
  }

  nextId(): number {
    this.#idsMade += 1
    return makeId(this.#epoch, this.#idsMade)
  }

  /** The last step of every transaction that changes something. {@link noteCommitted} must follow where it commits. */
  save(): void {
    const { files, directories, links, fileBytes } = this.counters
    const { number, sinceMs, keysCount } = this.keyGeneration
    const counters = [files, directories, links, fileBytes] as const
    const keys = [number, sinceMs, keysCount] as const
    this.#save.run(this.nextSequence, ...counters, this.#clusterMs, ...keys, this.#featureLevel)
  }

  /**
   * Nobody is told of a transaction before: one whose commit fails may be missing after the next start, and whoever had seen
   * its number would take that start for a restored backup, for good.
   */
  noteCommitted(): void {
    this.#sequence += 1
  }
}

function requireReadable(featureLevel: number): void {
  if (featureLevel <= FEATURE_LEVEL) return
  throw new DfsError(
    'UNAVAILABLE',
    `the cluster uses feature level ${featureLevel}, this program knows ${FEATURE_LEVEL}: start a newer program`,
  )
}

export const hexadecimal = (bytes: Uint8Array): string => bytes.toHex()
