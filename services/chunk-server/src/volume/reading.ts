/**
 * Reading that takes long, as a generator: each value is a number of bytes that were just read, and between two of them whoever
 * asks for the next one decides when it goes on, or never. It holds no file and no place in a queue meanwhile.
 */
import { type Clock } from '@dfs/core'

export type Reading<T> = AsyncGenerator<number, T, undefined>

/** Values between two turns of the event loop; each is a run of short records, or a long one, and takes about a millisecond. */
const VALUES_PER_TURN = 2

export interface Advance<T> {
  readonly bytes: number
  /** What it has come to; null if it is not at its end. */
  readonly result: { readonly value: T } | null
}

export interface AdvanceOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Bytes to read, and some records more; may be asked for anew after each value. */
  readonly budget: number | (() => number)
}

/** Goes on with a reading. Rejects as it does, and with the signal's reason. */
export async function advance<T>(
  reading: Reading<T>,
  { clock, signal, budget }: AdvanceOptions,
): Promise<Advance<T>> {
  let bytes = 0
  const budgetNow = typeof budget === 'number' ? () => budget : budget
  for (let values = 1; bytes < budgetNow(); values += 1) {
    signal.throwIfAborted()
    const next = await reading.next()
    if (next.done === true) return { bytes, result: { value: next.value } }
    bytes += next.value
    if (values % VALUES_PER_TURN === 0) await clock.turn()
  }
  return { bytes, result: null }
}
