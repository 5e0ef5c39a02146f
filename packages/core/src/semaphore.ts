/** A counting semaphore, first come first served: the shape of every "at most N at once" here. */
import { assert } from './assert.ts'
import { QueueFullError } from './batcher.ts'

export class Semaphore {
  readonly #queueMax: number
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(permits: number, queueMax: number) {
    assert(permits > 0, 'a semaphore needs a permit')
    this.#free = permits
    this.#queueMax = queueMax
  }

  /** Runs `work` while holding a permit. Throws {@link QueueFullError} when too many wait already. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.acquire()
    try {
      return await work()
    } finally {
      this.release()
    }
  }

  async acquire(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    if (this.#waiting.length >= this.#queueMax) throw new QueueFullError('too much is waiting')
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    await promise
  }

  /** Hands the permit to whoever waits longest. */
  release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next()
  }
}
