/**
 * An event of one part that others act on, without its knowing them: it is made first, they are added when they are made.
 * Listeners are called at once, in the order in which they were added, and must not throw.
 */
export class Listeners<Args extends readonly unknown[] = []> {
  readonly #listeners: ((...args: Args) => void)[] = []

  add(listener: (...args: Args) => void): void {
    this.#listeners.push(listener)
  }

  call(...args: Args): void {
    for (const listener of this.#listeners) listener(...args)
  }
}
