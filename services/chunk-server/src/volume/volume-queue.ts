/** What is done to the copy of one volume is done one thing after the other; volumes do not wait for each other. */
export class VolumeQueue {
  /** The end of the last thing of each volume, done or failed. */
  readonly #last = new Map<number, Promise<void>>()

  /** At once if nothing is under way for this volume. */
  async run<T>(volume: number, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(volume)
    const working = before === undefined ? work() : before.then(work)
    const ended = working.then(nothing, nothing)
    this.#last.set(volume, ended)
    try {
      return await working
    } finally {
      if (this.#last.get(volume) === ended) this.#last.delete(volume)
    }
  }

  /** Whether anything is under way for this volume, or waits. */
  isBusy(volume: number): boolean {
    return this.#last.has(volume)
  }
}

const nothing = (): void => {}
