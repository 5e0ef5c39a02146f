/**
 * Results by idempotency key (R15), each kept for a day of cluster time. Keys that came together form a generation, and
 * two generations are asked: the present one and the one before. Older ones are removed in steps, in the order of the table,
 * so that no index by time is needed and a key costs one row.
 *
 * A generation ends after a day, or earlier where very many keys have come: what is kept is bounded, whatever the load.
 */
import { type DatabaseSync } from 'node:sqlite'
import { ByteReader, ByteWriter } from '@dfs/core'
import {
  type CommandResult,
  decodeResult,
  encodeResult,
  IDEMPOTENCY_KEPT_MS,
  IDEMPOTENCY_KEYS_KEPT_MIN,
} from '@dfs/protocol'
import { Insert } from './insert.ts'
import { Query } from './query.ts'
import { type State } from './state.ts'

interface KeyRow {
  readonly fingerprint: Uint8Array
  readonly kept_since_ms: number
  readonly result: Uint8Array
}

export interface KeptResult {
  readonly fingerprint: Uint8Array
  readonly result: CommandResult
}

const COLUMNS = ['generation', 'key', 'fingerprint', 'kept_since_ms', 'result'] as const

export class IdempotencyKeys {
  readonly #state: State
  readonly #keysPerGeneration: number
  readonly #find: Query<KeyRow>
  readonly #insert: Insert<typeof COLUMNS>
  readonly #remove: Query
  #mayHaveOld = true

  constructor(database: DatabaseSync, state: State, keysPerGeneration = IDEMPOTENCY_KEYS_KEPT_MIN) {
    this.#state = state
    this.#keysPerGeneration = keysPerGeneration
    this.#find = new Query(
      database,
      'SELECT fingerprint, kept_since_ms, result FROM idempotency_keys WHERE generation = ? AND key = ?',
    )
    this.#insert = new Insert(database, 'INSERT INTO idempotency_keys', COLUMNS)
    this.#remove = new Query(
      database,
      `DELETE FROM idempotency_keys WHERE (generation, key) IN (
         SELECT generation, key FROM idempotency_keys WHERE generation < ?
         ORDER BY generation, key LIMIT ? + 0)`,
    )
  }

  get hasOld(): boolean {
    return this.#mayHaveOld
  }

  /** What was kept under `key` within the last day. */
  find(key: string): KeptResult | undefined {
    const { keyGeneration, clusterMs } = this.#state
    const row = this.#find.first(keyGeneration.number, key) ?? this.#find.first(keyGeneration.number - 1, key)
    if (row === undefined || row.kept_since_ms + IDEMPOTENCY_KEPT_MS <= clusterMs) return undefined
    return { fingerprint: row.fingerprint, result: decodeResult(new ByteReader(row.result)) }
  }

  /** Keeps a result under a key that nothing was found under. */
  keep(key: string, { fingerprint, result }: KeptResult): void {
    const { keyGeneration: generation, clusterMs } = this.#state
    const isOver = generation.sinceMs + IDEMPOTENCY_KEPT_MS <= clusterMs
    if (isOver || generation.keysCount >= this.#keysPerGeneration) {
      generation.number += 1
      generation.sinceMs = clusterMs
      generation.keysCount = 0
      this.#mayHaveOld = true
    }
    const writer = new ByteWriter(64)
    encodeResult(writer, result)
    this.#insert.run({
      generation: generation.number,
      key,
      fingerprint,
      kept_since_ms: clusterMs,
      result: writer.finish(),
    })
    generation.keysCount += 1
  }

  /** Removes at most `keysMax` keys of generations that are not asked any more, in a transaction of the caller's. */
  step(keysMax: number): void {
    const removed = this.#remove.change(this.#state.keyGeneration.number - 1, keysMax)
    this.#mayHaveOld = removed === keysMax
  }
}
