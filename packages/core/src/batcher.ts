/**
 * Group commit, as a small machine: while one batch is under way the next one gathers, so the batch size follows the
 * load by itself and there is no timer to tune. Refused: a fixed linger time (latency without load) and more than one
 * batch under way for ordered work (measured slower, and order would be lost).
 */
import { assert } from './assert.ts'
import { type Distribution } from './distribution.ts'

export interface BatcherOptions<Item, Result> {
  /** Carries out a batch; resolves to one result for each item, in order. A rejection fails every item of the batch. */
  readonly run: (items: Item[]) => Promise<Result[]>
  /** Resolves when the batch that is being gathered should leave; usually one turn of the event loop. */
  readonly gather: () => Promise<void>
  readonly itemsMax: number
  /** Batches under way at once: 1 if order matters. */
  readonly inFlightMax: number
  /** Items waiting at most; beyond it `add` throws {@link QueueFullError}. */
  readonly queueMax: number
  /**
   * Why an item need not leave any more; null if somebody waits for it. It is rejected with that when its turn comes, or
   * when its place is needed.
   */
  readonly whyOver?: (item: Item) => Error | null
  /** Weight of an item (its bytes) and the most a batch may weigh; a single heavier item still goes, alone. */
  readonly weigh?: (item: Item) => number
  readonly weightMax?: number
  /** Where the number of items of each batch is noted. */
  readonly sizes?: Distribution | undefined
}

export class QueueFullError extends Error {
  override readonly name = 'QueueFullError'
}

interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>
  #queue: Waiting<Item, Result>[] = []
  #inFlight = 0
  #isGathering = false

  constructor(options: BatcherOptions<Item, Result>) {
    assert(options.itemsMax > 0 && options.inFlightMax > 0, 'a batcher needs room for one item and one batch')
    this.#options = options
  }

  /** Items that wait for a batch, those under way not counted. */
  get waitingCount(): number {
    return this.#queue.length
  }

  /** Resolves with the item's own result, once its batch is done. */
  add(item: Item): Promise<Result> {
    if (this.#queue.length >= this.#options.queueMax) this.#queue = this.#wanted(this.#queue)
    if (this.#queue.length >= this.#options.queueMax) throw new QueueFullError('too much is waiting')
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    this.#queue.push({ item, resolve, reject })
    this.#pump()
    return promise
  }

  #pump(): void {
    if (this.#isGathering || this.#inFlight >= this.#options.inFlightMax || this.#queue.length === 0) return
    this.#isGathering = true
    void this.#options.gather().then(() => {
      this.#isGathering = false
      const batch = this.#take()
      if (batch.length > 0) void this.#send(batch)
      this.#pump()
    })
  }

  #take(): Waiting<Item, Result>[] {
    const { itemsMax, weigh, weightMax = Infinity, whyOver } = this.#options
    let count = 0
    let weight = 0
    while (count < this.#queue.length && count < itemsMax) {
      weight += weigh?.(this.#queue[count]!.item) ?? 0
      if (count > 0 && weight > weightMax) break
      count += 1
    }
    const taken = this.#queue.splice(0, count)
    return whyOver === undefined ? taken : this.#wanted(taken)
  }

  /** Those that somebody waits for; the others are told. */
  #wanted(waiting: Waiting<Item, Result>[]): Waiting<Item, Result>[] {
    const { whyOver } = this.#options
    return waiting.filter(({ item, reject }) => {
      const reason = whyOver?.(item) ?? null
      if (reason !== null) reject(reason)
      return reason === null
    })
  }

  async #send(batch: Waiting<Item, Result>[]): Promise<void> {
    this.#inFlight += 1
    this.#options.sizes?.note(batch.length)
    try {
      const results = await this.#options.run(batch.map((waiting) => waiting.item))
      assert(results.length === batch.length, 'a batch needs one result for each item')
      for (const [index, waiting] of batch.entries()) waiting.resolve(results[index]!)
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
    } finally {
      this.#inFlight -= 1
      this.#pump()
    }
  }
}
