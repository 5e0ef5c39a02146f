/**
 * Work in one transaction: a generator that yields how to name the rows that it reads next (reads.ts) and decides when it
 * goes on. The engine runs it. One that fetches follows the names; one that reads where it stands goes on at once, and the
 * names are never made.
 */
import { once, type Rounds } from './reads.ts'
import { type Rows } from './rows.ts'

export type Naming = () => Rounds<unknown>
export type Work<T> = Generator<Naming, T, void>

/**
 * What an engine is: rows, and transactions on them, one after the other in the order of the calls.
 *
 * If work throws a DfsError, it has written nothing: the transaction is dropped, and the error is the caller's. Any other
 * error leaves unknown what is there and what the books hold: it is an InvariantError, as is every call after it (R26).
 *
 * While work goes on, the books are ahead of what is durable. An engine that waits for its rows in between lets nobody read
 * the books until then.
 */
export interface Engine {
  readonly rows: Rows
  /** Runs work in a transaction that is durable when this resolves. */
  change<T>(work: Work<T>, frame: Frame<T>): Promise<T>
  /** Runs work that reads, on one state of the rows. */
  read<T>(work: Work<T>): Promise<T>
}

/** What stands around work that changes something. */
export interface Frame<T> {
  /** The last step in the transaction. */
  save(outcome: T): void
  /** Called when it is durable, before anything else begins. */
  committed(outcome: T): void
}

/** For an engine whose rows are at hand. */
export function runAtOnce<T>(work: Work<T>): T {
  let step = work.next()
  while (step.done !== true) step = work.next()
  return step.value
}

/** Work that reads the books alone. */
export function* plain<T>(decide: () => T): Work<T> {
  yield once
  return decide()
}

/** What work has come to that found nothing to change: there is nothing to save, and no transaction to count. */
export class Unchanged<T> {
  readonly value: T

  constructor(value: T) {
    this.value = value
  }
}

export const unwrap = <T>(outcome: T | Unchanged<T>): T =>
  outcome instanceof Unchanged ? outcome.value : outcome
