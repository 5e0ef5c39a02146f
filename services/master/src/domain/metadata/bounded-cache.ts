/** A map that forgets what was not used for longest, so that a cache has a maximum. */
import { assert } from '@dfs/core'

export class BoundedCache<Key, Value> {
  readonly #entriesMax: number
  readonly #entries = new Map<Key, Value>()

  constructor(entriesMax: number) {
    assert(entriesMax > 0, 'a cache holds something')
    this.#entriesMax = entriesMax
  }

  get(key: Key): Value | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  set(key: Key, value: Value): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#entriesMax) return
    const [oldest] = this.#entries.keys()
    this.#entries.delete(oldest!)
  }

  delete(key: Key): void {
    this.#entries.delete(key)
  }
}
