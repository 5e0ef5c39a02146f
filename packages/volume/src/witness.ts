/**
 * A witness: how much of the master a record's primary had seen when it framed the record. It stands in the header, so that
 * whoever finds the record knows that a master without these transactions is a restored backup (R6); it costs no sync of
 * its own. A later start of the master is newer whatever its sequence; within one start the sequence counts.
 *
 *   0 f64 start of the master    8 f64 transactions committed    16 nonce of the start, 8 bytes
 */
import { assert } from '@dfs/core'

export interface Witness {
  /** Counts the starts of the master, from 1. */
  readonly counter: number
  /** 16 hexadecimal digits: two starts with one number, of a database and of its restored backup, differ in it. */
  readonly nonce: string
  /** Transactions that were committed by then, over all starts. */
  readonly sequence: number
}

export const WITNESS_BYTES = 24

export function writeWitness(view: DataView, at: number, { counter, nonce, sequence }: Witness): void {
  assert(/^[0-9a-f]{16}$/.test(nonce), 'the nonce of a start has 16 digits')
  view.setFloat64(at, counter, true)
  view.setFloat64(at + 8, sequence, true)
  view.setBigUint64(at + 16, BigInt(`0x${nonce}`))
}

/** Null if the numbers are none that anybody wrote. */
export function readWitness(view: DataView, at: number): Witness | null {
  if (!isWitnessAt(view, at)) return null
  const counter = view.getFloat64(at, true)
  const sequence = view.getFloat64(at + 8, true)
  const nonce = view
    .getBigUint64(at + 16)
    .toString(16)
    .padStart(16, '0')
  return { counter, nonce, sequence }
}

/** Whether the numbers there are such as anybody writes. */
export function isWitnessAt(view: DataView, at: number): boolean {
  const counter = view.getFloat64(at, true)
  const sequence = view.getFloat64(at + 8, true)
  return Number.isSafeInteger(counter) && counter >= 1 && Number.isSafeInteger(sequence) && sequence >= 0
}

/** What is written there and `known` say together. Makes nothing if there is no news: most records say the same. */
export function newestWitnessAt(view: DataView, at: number, known: Witness | null): Witness | null {
  const counter = view.getFloat64(at, true)
  const sequence = view.getFloat64(at + 8, true)
  return isNewer({ counter, sequence }, known) ? (readWitness(view, at) ?? known) : known
}

/** Whether `one` says more than `other`, which may say nothing. */
export const isNewer = (one: Omit<Witness, 'nonce'>, other: Witness | null): boolean =>
  other === null ||
  one.counter > other.counter ||
  (one.counter === other.counter && one.sequence > other.sequence)

/** What both say together. */
export const newest = (one: Witness | null, other: Witness | null): Witness | null =>
  one !== null && isNewer(one, other) ? one : other
