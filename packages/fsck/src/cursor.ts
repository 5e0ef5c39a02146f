/** A list in order, gone through once beside questions that come in the same order. */
export class Cursor<T> implements Disposable {
  readonly #rows: Iterator<T>
  #row: IteratorResult<T>

  constructor(rows: Iterable<T>) {
    this.#rows = rows[Symbol.iterator]()
    this.#row = this.#rows.next()
  }

  /**
   * The first row for which `compare` is 0; undefined if there is none. Rows for which it is negative come before what is
   * asked for, and before whatever will be asked for.
   */
  find(compare: (row: T) => number): T | undefined {
    while (this.#row.done !== true) {
      const order = compare(this.#row.value)
      if (order >= 0) return order === 0 ? this.#row.value : undefined
      this.#row = this.#rows.next()
    }
    return undefined
  }

  /** The rows from here on for which `compare` is 0. */
  *all(compare: (row: T) => number): Generator<T> {
    for (let row = this.find(compare); row !== undefined; row = this.find(compare)) {
      yield row
      this.#row = this.#rows.next()
    }
  }

  /** Ends the reading of rows that were not asked for. */
  [Symbol.dispose](): void {
    this.#rows.return?.()
  }
}
