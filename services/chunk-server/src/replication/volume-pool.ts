/**
 * The open volumes of which this server is the primary: for each kind one that takes records and a spare that takes over
 * at once. Content that was appended but not committed when its volume ended is appended again to the next one, by the
 * same call: clients notice a little latency, no error.
 */
import { assert, backoffMs, type Clock, DeadlineError, type Log, type Random, withDeadline } from '@dfs/core'
import { type ChunkPlacement, DfsError, formatId, type VolumeKind, type VolumeOrder } from '@dfs/protocol'
import { type SummedContent } from '@dfs/volume'
import { type OpenVolume, type RecordOrigin, VolumeEndedError } from './open-volume.ts'

/** One volume that takes records, and one spare. */
const VOLUMES_READY = 2
const ALLOCATE_BACKOFF = { firstMs: 50, mostMs: 1000 }
/** How long a write waits for a volume while none can be had; then it answers with the reason. */
const ALLOCATE_WAIT_MS = 5000

export interface VolumePoolDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly volumeSizeBytes: () => number
  /** Asks the master for one open volume and makes all of its copies; throws the reason where that fails. */
  readonly allocate: (kind: VolumeKind) => Promise<OpenVolume>
  /** Has the master seal a volume; tries until it is done. */
  readonly seal: (order: VolumeOrder, reason: string) => Promise<void>
}

/** A record that stands on every replica but is not committed yet. Exactly one of the two must be called. */
export interface AppendedRecord {
  readonly placement: ChunkPlacement
  /** The master has answered: committed, or refused for a reason that has nothing to do with the volume. */
  settle(isCommitted: boolean): void
  /** The master takes no commit for this volume: it ends here as well. */
  refuse(reason: string): void
}

interface Lane {
  readonly kind: VolumeKind
  readonly ready: OpenVolume[]
  /** Records appended and not settled, by volume: a full volume is sealed when it has none left. */
  readonly unsettled: Map<OpenVolume, number>
  isFilling: boolean
  /** Settles when the next volume is ready; replaced each time. */
  arrival: PromiseWithResolvers<void>
  /** Why the last allocation failed; null after one that worked. */
  lastError: unknown
}

export class VolumePool {
  readonly #deps: VolumePoolDeps
  readonly #lanes: Readonly<Record<VolumeKind, Lane>>
  readonly #sealing = new Set<Promise<void>>()
  readonly #sealRequested = new WeakSet<OpenVolume>()
  readonly #closed = new AbortController()

  constructor(deps: VolumePoolDeps) {
    this.#deps = deps
    const lane = (kind: VolumeKind): Lane => ({
      kind,
      ready: [],
      unsettled: new Map(),
      isFilling: false,
      arrival: Promise.withResolvers(),
      lastError: null,
    })
    this.#lanes = { small: lane('small'), large: lane('large') }
  }

  /** Gets volumes ready before the first write needs them. */
  prepare(): void {
    for (const lane of Object.values(this.#lanes)) this.#fill(lane)
  }

  /**
   * Appends content to an open volume, on whichever one it works. COPY_ERROR or INSUFFICIENT_SPACE where no volume can be
   * had, UNAVAILABLE where the master cannot be asked.
   */
  async append(kind: VolumeKind, origin: RecordOrigin, content: SummedContent): Promise<AppendedRecord> {
    const lane = this.#lanes[kind]
    for (;;) {
      const volume = lane.ready[0] ?? (await this.#waitForVolume(lane))
      this.#count(lane, volume, 1)
      try {
        const appending = volume.append(origin, content)
        if (volume.length >= this.#deps.volumeSizeBytes()) this.#drop(lane, volume)
        return this.#appended(lane, volume, await appending)
      } catch (error) {
        this.#count(lane, volume, -1)
        if (!(error instanceof VolumeEndedError)) throw error
        this.#abandon(lane, volume, error)
      }
    }
  }

  /** The master has sealed this volume: it takes no more records, and its successor is made before a write needs it. */
  noteSealed(volume: number): void {
    for (const lane of Object.values(this.#lanes)) {
      const open = lane.ready.find(({ order }) => order.volume === volume)
      if (open !== undefined) this.#abandon(lane, open, 'the master has sealed it')
    }
  }

  /** No new volumes; seals under way are waited for. */
  async close(): Promise<void> {
    this.#closed.abort()
    await Promise.allSettled(this.#sealing)
  }

  #appended(lane: Lane, volume: OpenVolume, placement: ChunkPlacement): AppendedRecord {
    let isSettled = false
    const settleOnce = (): void => {
      assert(!isSettled, 'an appended record is settled once')
      isSettled = true
      this.#count(lane, volume, -1)
    }
    return {
      placement,
      settle: (isCommitted) => {
        if (isCommitted) volume.noteCommitted(placement.offset + placement.recordSize)
        settleOnce()
      },
      refuse: (reason) => {
        settleOnce()
        volume.end(reason)
        this.#abandon(lane, volume, reason)
      },
    }
  }

  #count(lane: Lane, volume: OpenVolume, change: 1 | -1): void {
    const count = (lane.unsettled.get(volume) ?? 0) + change
    if (count > 0) {
      lane.unsettled.set(volume, count)
      return
    }
    lane.unsettled.delete(volume)
    if (!lane.ready.includes(volume)) this.#seal(volume, 'it is full')
  }

  /** A volume that failed: whoever waits goes to the next one at once, the seal follows behind. */
  #abandon(lane: Lane, volume: OpenVolume, reason: unknown): void {
    this.#drop(lane, volume)
    this.#seal(volume, reason instanceof Error ? describe(reason) : String(reason))
  }

  #drop(lane: Lane, volume: OpenVolume): void {
    const index = lane.ready.indexOf(volume)
    if (index < 0) return
    lane.ready.splice(index, 1)
    this.#fill(lane)
  }

  /** Ends the volume here and has it sealed; once for each volume. */
  #seal(volume: OpenVolume, reason: string): void {
    if (this.#sealRequested.has(volume)) return
    this.#sealRequested.add(volume)
    volume.end(reason)
    this.#deps.log.info({ volume: formatId(volume.order.volume), reason }, 'a volume is being sealed')
    const sealing = this.#deps.seal(volume.order, reason).finally(() => this.#sealing.delete(sealing))
    this.#sealing.add(sealing)
  }

  async #waitForVolume(lane: Lane): Promise<OpenVolume> {
    try {
      return await withDeadline(this.#deps.clock, ALLOCATE_WAIT_MS, async (expired) => {
        for (;;) {
          if (this.#closed.signal.aborted) throw new DfsError('UNAVAILABLE', 'this server is stopping')
          const arrival = lane.arrival.promise
          this.#fill(lane)
          await arrival
          expired.throwIfAborted()
          if (lane.ready[0] !== undefined) return lane.ready[0]
        }
      })
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error
      if (lane.lastError instanceof Error) throw lane.lastError
      throw new DfsError('COPY_ERROR', 'no volume could be made in time', { cause: error })
    }
  }

  #fill(lane: Lane): void {
    if (lane.isFilling) return
    lane.isFilling = true
    void this.#fillLane(lane).finally(() => {
      lane.isFilling = false
    })
  }

  /** Goes on until the lane is full or the pool closed: what failed may work in a moment, and the next write needs it. */
  async #fillLane(lane: Lane): Promise<void> {
    const { clock, random, allocate, log } = this.#deps
    let failures = 0
    while (lane.ready.length < VOLUMES_READY && !this.#closed.signal.aborted) {
      try {
        lane.ready.push(await allocate(lane.kind))
        lane.lastError = null
        failures = 0
        lane.arrival.resolve()
        lane.arrival = Promise.withResolvers()
      } catch (error) {
        lane.lastError = error
        failures += 1
        if (failures <= 3 || failures % 60 === 0)
          log.warn({ kind: lane.kind, failures, err: error }, 'no volume could be made')
        await clock
          .sleep(backoffMs(failures, ALLOCATE_BACKOFF, random), this.#closed.signal)
          .catch(() => undefined)
      }
    }
  }
}

const describe = (error: Error): string =>
  error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
