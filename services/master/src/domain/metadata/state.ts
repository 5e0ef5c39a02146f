/**
 * The one row that says whose store this is and how far it is: cluster, epoch, sequence, totals. Opening raises the
 * epoch, and that is committed before anything else, so no id made here was ever made before, not even by the original of
 * which this store is a restored copy (R6).
 */
import { type Random } from '@dfs/core'
import { DfsError, type Epoch, FEATURE_LEVEL, FORMAT_LEVEL, makeId } from '@dfs/protocol'
import { type StateRow, type StateRows } from './cluster-rows.ts'
import { Starts } from './starts.ts'

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
  readonly #rows: StateRows
  readonly #starts: Starts
  /** Changed in memory by commands, saved at the end of their transaction. */
  readonly counters: Counters
  readonly keyGeneration: KeyGeneration
  #clusterMs: number
  #sequence: number
  #idsMade = 0
  #featureLevel: number

  /** Reads the row, or makes it, and raises the epoch; the caller saves. Throws UNAVAILABLE if a newer program is in use. */
  constructor(rows: StateRows, random: Random) {
    this.#rows = rows
    this.#starts = new Starts(rows)
    const row = rows.load() ?? newRow(rows, random)
    requireReadable(row.feature_level)
    this.clusterId = row.cluster_id
    this.#featureLevel = row.feature_level
    this.#epoch = row.epoch + 1
    this.#nonce = hexadecimal(random.bytes(8))
    this.#sequence = row.sequence
    const { files, directories, links, file_bytes: fileBytes } = row
    this.counters = { files, directories, links, fileBytes }
    this.#clusterMs = row.cluster_ms
    this.keyGeneration = {
      number: row.key_generation,
      sinceMs: row.key_generation_since_ms,
      keysCount: row.key_count,
    }
    this.#starts.add(this.epoch)
  }

  get epoch(): Epoch {
    return { counter: this.#epoch, nonce: this.#nonce, sequence: this.#sequence }
  }

  /** Whether all that was seen of a start of the master is in this store. */
  includes(seen: Epoch): boolean {
    return this.#starts.include(seen, this.#epoch)
  }

  /** The counter with which the present history was begun on purpose; 0 if it is the first. */
  get historyCounter(): number {
    return this.#starts.historyCounter
  }

  /** What the servers may write: every one of them reads it. */
  get featureLevel(): number {
    return this.#featureLevel
  }

  /** All servers read up to this level: formats that are newer than the level so far may be written once this is committed. */
  raiseFeatureLevel(level: number): void {
    this.#featureLevel = Math.max(this.#featureLevel, Math.min(level, FORMAT_LEVEL))
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

  /** The last step of every transaction that changes something. {@link noteCommitted} must follow if it commits. */
  save(): void {
    const { files, directories, links, fileBytes } = this.counters
    const { number, sinceMs, keysCount } = this.keyGeneration
    this.#rows.save({
      cluster_id: this.clusterId,
      epoch: this.#epoch,
      nonce: this.#nonce,
      sequence: this.nextSequence,
      files,
      directories,
      links,
      file_bytes: fileBytes,
      cluster_ms: this.#clusterMs,
      key_generation: number,
      key_generation_since_ms: sinceMs,
      key_count: keysCount,
      feature_level: this.#featureLevel,
    })
  }

  /**
   * Nobody is told of a transaction before: one whose commit fails may be missing after the next start, and whoever had seen
   * its number would take that start for a restored backup, for good.
   */
  noteCommitted(): void {
    this.#sequence += 1
  }
}

/** Of a new cluster; every program reads level 1. */
function newRow(rows: StateRows, random: Random): StateRow {
  const counters = { files: 0, directories: 0, links: 0, file_bytes: 0 }
  const keys = { key_generation: 0, key_generation_since_ms: 0, key_count: 0 }
  const begin = { epoch: 0, nonce: '', sequence: 0, cluster_ms: 0, feature_level: 1 }
  const row = { cluster_id: hexadecimal(random.bytes(16)), ...begin, ...counters, ...keys }
  rows.insert(row)
  return row
}

function requireReadable(featureLevel: number): void {
  if (featureLevel <= FEATURE_LEVEL) return
  throw new DfsError(
    'UNAVAILABLE',
    `the cluster uses feature level ${featureLevel}, this program knows ${FEATURE_LEVEL}: start a newer program`,
  )
}

export const hexadecimal = (bytes: Uint8Array): string => bytes.toHex()
