/**
 * Results by idempotency key (R15), each kept for a day of cluster time. Keys that came together form a generation, and
 * two generations are asked: the present one and the one before. Older ones are removed in steps, in the order of the table,
 * so that no index by time is needed and a key costs one row.
 *
 * A generation ends after a day, or earlier if very many keys have come: what is kept is bounded, whatever the load.
 */
import { ByteReader, ByteWriter } from '@dfs/core'
import {
  type CommandResult,
  decodeResult,
  encodeResult,
  IDEMPOTENCY_KEPT_MS,
  IDEMPOTENCY_KEYS_KEPT_MIN,
} from '@dfs/protocol'
import { type Named } from './reads.ts'
import { type KeyRows } from './rows.ts'
import { type State } from './state.ts'

export interface KeptResult {
  readonly fingerprint: Uint8Array
  readonly result: CommandResult
}

export class IdempotencyKeys {
  readonly #rows: KeyRows
  readonly #state: State
  readonly #keysPerGeneration: number
  #mayHaveOld = true

  constructor(rows: KeyRows, state: State, keysPerGeneration = IDEMPOTENCY_KEYS_KEPT_MIN) {
    this.#rows = rows
    this.#state = state
    this.#keysPerGeneration = keysPerGeneration
  }

  get hasOld(): boolean {
    return this.#mayHaveOld
  }

  /** What {@link find} reads. */
  named(key: string): Named[] {
    const { number } = this.#state.keyGeneration
    return [number, number - 1].map((generation) => ({ kind: 'key', generation, key }))
  }

  /** What was kept under `key` within the last day. */
  find(key: string): KeptResult | undefined {
    const { keyGeneration, clusterMs } = this.#state
    const { number } = keyGeneration
    const row = this.#rows.find(number, key) ?? this.#rows.find(number - 1, key)
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
    this.#rows.insert({
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
    const removed = this.#rows.removeBelow(this.#state.keyGeneration.number - 1, keysMax)
    this.#mayHaveOld = removed === keysMax
  }
}
