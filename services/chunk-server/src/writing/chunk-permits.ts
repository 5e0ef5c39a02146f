/**
 * How many chunks of long bodies may be in memory at once. A permit is held from the moment a chunk begins to gather until
 * it is staged. A body that gathers slowly must not keep others out for long: after a second, and sooner if many wait, it
 * is hurried and goes on with the smaller chunk that it has by then. So memory is bounded, no number of slow clients stops a
 * fast one, and whoever waits has a turn before its deadline. A client that leaves while it waits gives up its place; one that has sent so much
 * ahead that its connection is paused is seen to have left when its turn has come.
 *
 * Refused: a number of bodies at once (slow ones would hold all of them, for hours), and a minimum rate (it punishes honest
 * slow links, and dishonest ones stay just above it).
 */
import { assert, type Clock, type Deadlines, type Due, QueueFullError } from '@dfs/core'
import { clientHasLeft, REQUEST_DEADLINE_MS, type RequestContext } from '@dfs/protocol'

const LOOK_EVERY_MS = 100
/** Nobody is hurried before it has gathered for that long: a fast body has its whole chunk by then. */
const UNHURRIED_MS = 1000
/** All who wait have had a turn within about this time, if the chunks are stored fast: the rest is for slow stores. */
const TURNS_WITHIN_MS = REQUEST_DEADLINE_MS / 4

export interface ChunkPermit {
  /** Resolves when others wait and this one has gathered for long enough. */
  readonly hurry: Promise<void>
  /** The chunk is complete: it is only to be stored now, and cannot be hurried. */
  gathered(): void
  /** The chunk is staged, or given up. Once. */
  release(): void
}

/** How long a body may wait for its turn, and whether anybody still sends it. */
export type Patience = Pick<RequestContext, 'deadlineMs' | 'signal'>

export interface ChunkPermitsOptions {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly permits: number
  readonly waitingMax: number
}

interface Gathering {
  readonly sinceMs: number
  readonly hurry: () => void
}

export class ChunkPermits {
  readonly #options: ChunkPermitsOptions
  #free: number
  /** Who waits, in order; each is called when it has its permit. */
  readonly #waiting = new Set<() => void>()
  /** Permits whose chunks are not complete, oldest first. */
  readonly #gathering = new Set<Gathering>()
  #isPressing = false

  constructor(options: ChunkPermitsOptions) {
    assert(options.permits > 0, 'at least one chunk fits')
    this.#options = options
    this.#free = options.permits
  }

  /**
   * First come, first served. Throws {@link QueueFullError} if too many wait already, and if no turn came by the
   * deadline; UNAVAILABLE if the client has left meanwhile.
   */
  async acquire(patience: Patience): Promise<ChunkPermit> {
    if (this.#free > 0) this.#free -= 1
    else await this.#wait(patience)
    const { promise: hurry, resolve } = Promise.withResolvers<void>()
    const gathering = { sinceMs: this.#options.clock.monotonicMs(), hurry: resolve }
    this.#gathering.add(gathering)
    let isReleased = false
    return {
      hurry,
      gathered: () => this.#gathering.delete(gathering),
      release: () => {
        assert(!isReleased, 'a permit is released once')
        isReleased = true
        this.#gathering.delete(gathering)
        const [next] = this.#waiting
        if (next === undefined) this.#free += 1
        else next()
      },
    }
  }

  #wait({ deadlineMs, signal }: Patience): Promise<void> {
    const { deadlines, waitingMax } = this.#options
    if (this.#waiting.size >= waitingMax) throw new QueueFullError('too many long bodies wait')
    if (signal?.aborted === true) throw clientHasLeft()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = (): void => {
      this.#waiting.delete(take)
      deadlines.forget(due)
      signal?.removeEventListener('abort', onLeft)
    }
    const take = (): void => {
      leave()
      resolve()
    }
    const onLeft = (): void => {
      leave()
      reject(clientHasLeft())
    }
    const due: Due = deadlines.add(deadlineMs, () => {
      leave()
      reject(new QueueFullError('no memory for the body became free in time'))
    })
    signal?.addEventListener('abort', onLeft)
    this.#waiting.add(take)
    if (!this.#isPressing) void this.#press()
    return promise
  }

  /** As long as somebody waits: hurries as many of the oldest as there are waiting. */
  async #press(): Promise<void> {
    const { clock, permits } = this.#options
    this.#isPressing = true
    while (this.#waiting.size > 0) {
      const turnMs = Math.min(UNHURRIED_MS, (TURNS_WITHIN_MS * permits) / this.#waiting.size)
      const beforeMs = clock.monotonicMs() - turnMs
      const slow = [...this.#gathering].filter(({ sinceMs }) => sinceMs <= beforeMs)
      for (const gathering of slow.slice(0, this.#waiting.size)) gathering.hurry()
      await clock.sleep(LOOK_EVERY_MS)
    }
    this.#isPressing = false
  }
}
