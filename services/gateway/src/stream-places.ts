/**
 * Places for long transfers, each of which holds a connection of the store. Whoever waits for a client lends its place
 * meanwhile: when others need one, the transfer that has waited longest loses its own. A reader gives its connection back,
 * keeps the piece that its client has not taken, and comes again when it has; so clients that stand still, however many,
 * hold no place that anybody needs. Deadlines for clients were refused: a slow one does no harm while nobody waits.
 */
import { assert, type Clock, QueueFullError } from '@dfs/core'

export interface StreamPlacesOptions {
  readonly places: number
  /** Transfers that may wait for their first place. Those that come again are as many as there are connections. */
  readonly waitingMax: number
  /** For how long a client may keep its transfer waiting before the place can be taken. */
  readonly idleAfterMs: number
  readonly clock: Clock
}

export class StreamPlaces {
  readonly #options: StreamPlacesOptions
  #free: number
  readonly #waiting: ((place: Place) => void)[] = []
  /** Places that wait for clients, with what tells their transfers that they are lost; the idlest first. */
  readonly #lent = new Map<Place, () => void>()

  constructor(options: StreamPlacesOptions) {
    this.#options = options
    this.#free = options.places
  }

  /** First come, first served. Throws {@link QueueFullError} if too many wait, unless it `isBack` after it lost its place. */
  async take(isBack = false): Promise<Place> {
    if (this.#free > 0) {
      this.#free -= 1
      return new Place(this)
    }
    if (!isBack && this.#waiting.length >= this.#options.waitingMax) {
      throw new QueueFullError('too many transfers are waiting')
    }
    const { promise, resolve } = Promise.withResolvers<Place>()
    this.#waiting.push(resolve)
    this.#reassign()
    return await promise
  }

  /** For {@link Place} alone. */
  free(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next(new Place(this))
  }

  /** For {@link Place} alone: whether it still has its place when `client` has settled or the place was taken. */
  async lend(place: Place, client: Promise<unknown>): Promise<boolean> {
    const { clock, idleAfterMs } = this.#options
    const over = new AbortController()
    const lost = Promise.withResolvers<void>()
    let isLost = false
    const offer = (): void => {
      if (over.signal.aborted) return
      this.#lent.set(place, () => {
        isLost = true
        lost.resolve()
      })
      this.#reassign()
    }
    void clock.sleep(idleAfterMs, over.signal).then(offer, () => {})
    // Its failure is for whoever awaits it.
    const settled = client.then(
      () => {},
      () => {},
    )
    await Promise.race([settled, lost.promise])
    over.abort()
    this.#lent.delete(place)
    return !isLost
  }

  /** Gives places of those that wait for clients to those that wait for places. */
  #reassign(): void {
    for (const [place, lose] of this.#lent) {
      if (this.#waiting.length === 0) return
      this.#lent.delete(place)
      lose()
      this.free()
    }
  }
}

/** One place. {@link release} it, unless {@link lend} has said that it is lost. */
export class Place {
  readonly #places: StreamPlaces
  #isHeld = true

  constructor(places: StreamPlaces) {
    this.#places = places
  }

  /** Waits until `client` settles, well or not; false when the place went to somebody else, and then it may not have yet. */
  async lend(client: Promise<unknown>): Promise<boolean> {
    assert(this.#isHeld, 'a place is lent by who holds it')
    this.#isHeld = await this.#places.lend(this, client)
    return this.#isHeld
  }

  /** Idempotent, and nothing if it was lost. */
  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#places.free()
  }
}
