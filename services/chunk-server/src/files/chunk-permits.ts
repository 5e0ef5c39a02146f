/**
 * How many chunks of long bodies may be in memory at once. A permit is held from the moment a chunk begins to gather until
 * it is staged. A body that gathers slowly must not keep others out for long: after a second it is hurried as soon as
 * somebody waits, and goes on with the smaller chunk that it has by then. So memory is bounded, and no number of slow
 * clients stops a fast one.
 *
 * Refused: a number of bodies at once (slow ones would hold all of them, for hours), and a minimum rate (it punishes honest
 * slow links, and dishonest ones stay just above it).
 */
import { assert, type Clock, QueueFullError } from '@dfs/core'

const LOOK_EVERY_MS = 250
/** Nobody is hurried before it has gathered for so long: a fast body has its whole chunk by then. */
const UNHURRIED_MS = 1000

export interface ChunkPermit {
  /** Resolves when others wait and this one has gathered for long enough. */
  readonly hurry: Promise<void>
  /** The chunk is complete: it is only to be stored now, and cannot be hurried. */
  gathered(): void
  /** The chunk is staged, or given up. Once. */
  release(): void
}

interface Gathering {
  readonly sinceMs: number
  readonly hurry: () => void
}

export class ChunkPermits {
  readonly #clock: Clock
  readonly #waitingMax: number
  #free: number
  readonly #waiting: (() => void)[] = []
  /** Permits whose chunks are not complete, oldest first. */
  readonly #gathering = new Set<Gathering>()
  #isPressing = false

  constructor(clock: Clock, { permits, waitingMax }: { permits: number; waitingMax: number }) {
    assert(permits > 0, 'at least one chunk fits')
    this.#clock = clock
    this.#free = permits
    this.#waitingMax = waitingMax
  }

  /** First come, first served. Throws {@link QueueFullError} where too many wait already. */
  async acquire(): Promise<ChunkPermit> {
    if (this.#free > 0) this.#free -= 1
    else await this.#wait()
    const { promise: hurry, resolve } = Promise.withResolvers<void>()
    const gathering = { sinceMs: this.#clock.monotonicMs(), hurry: resolve }
    this.#gathering.add(gathering)
    let isReleased = false
    return {
      hurry,
      gathered: () => this.#gathering.delete(gathering),
      release: () => {
        assert(!isReleased, 'a permit is released once')
        isReleased = true
        this.#gathering.delete(gathering)
        const next = this.#waiting.shift()
        if (next === undefined) this.#free += 1
        else next()
      },
    }
  }

  async #wait(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) throw new QueueFullError('too many long bodies wait')
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    if (!this.#isPressing) void this.#press()
    await promise
  }

  /** As long as somebody waits: hurries as many of the oldest as there are waiting. */
  async #press(): Promise<void> {
    this.#isPressing = true
    while (this.#waiting.length > 0) {
      const beforeMs = this.#clock.monotonicMs() - UNHURRIED_MS
      const slow = [...this.#gathering].filter(({ sinceMs }) => sinceMs <= beforeMs)
      for (const gathering of slow.slice(0, this.#waiting.length)) gathering.hurry()
      await this.#clock.sleep(LOOK_EVERY_MS)
    }
    this.#isPressing = false
  }
}
