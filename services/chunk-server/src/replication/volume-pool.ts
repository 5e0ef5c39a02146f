/**
 * The open volumes of which this server is the primary. All small writes share one; a long write has one of its own while it
 * lasts, so that its chunks are committed in the order in which they stand there and wait for nobody else's. For each kind
 * a spare is ready to take over at once. Content that was appended but not committed when its volume ended is appended
 * again to the next one: clients notice a little latency, no error.
 */
import { assert, backoffMs, type Clock, DeadlineError, type Log, type Random, withDeadline } from '@dfs/core'
import { type ChunkPlacement, DfsError, formatId, type VolumeKind, type VolumeOrder } from '@dfs/protocol'
import { type SummedContent } from '@dfs/volume'
import { type OpenVolume, type RecordOrigin, VolumeEndedError } from './open-volume.ts'

/** Volumes of each kind that nobody uses yet. */
const SPARE_VOLUMES = 1
const ALLOCATE_BACKOFF = { firstMs: 50, mostMs: 1000 }
/** Failures in a row that are kept quiet, and how many lie between two warnings later: some ten seconds. */
const QUIET_FAILURES = 5
const WARN_EVERY_FAILURES = 10
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

/** Volumes with too few copies are replaced at most this often. */
const RENEW_EVERY_MS = 60_000

/** A record that stands on every replica but is not committed yet. Exactly one of the two must be called. */
export interface AppendedRecord {
  readonly placement: ChunkPlacement
  /** The master has answered: committed, or refused for a reason that has nothing to do with the volume. */
  settle(isCommitted: boolean): void
  /** The master takes no commit for this volume: it ends here as well. */
  refuse(reason: string): void
}

/** Whoever appends to a volume: all small writes together, or one long write. Only its identity counts. */
export type VolumeUser = object

export interface AppendTarget {
  readonly kind: VolumeKind
  readonly user: VolumeUser
  /** Monotonic. No further volume is tried after this. */
  readonly deadlineMs: number
}

interface Lane {
  readonly kind: VolumeKind
  readonly spare: OpenVolume[]
  readonly inUse: Map<VolumeUser, OpenVolume>
  /** Records appended and not settled, by volume: a full volume is sealed when it has none left. */
  readonly unsettled: Map<OpenVolume, number>
  isFilling: boolean
  /** Settles when the next volume is ready; replaced each time. */
  arrival: PromiseWithResolvers<void>
  /** Why the last allocation failed; null after one that worked. */
  lastError: unknown
  /** Volumes in a row that could not be made, or ended before a record was synced on all copies. */
  failures: number
}

export class VolumePool {
  readonly #deps: VolumePoolDeps
  readonly #lanes: Readonly<Record<VolumeKind, Lane>>
  readonly #sealing = new Set<Promise<void>>()
  readonly #sealRequested = new WeakSet<OpenVolume>()
  readonly #closed = new AbortController()
  #renewAgainMs = -Infinity

  constructor(deps: VolumePoolDeps) {
    this.#deps = deps
    const lane = (kind: VolumeKind): Lane => ({
      kind,
      spare: [],
      inUse: new Map(),
      unsettled: new Map(),
      isFilling: false,
      arrival: Promise.withResolvers(),
      lastError: null,
      failures: 0,
    })
    this.#lanes = { small: lane('small'), large: lane('large') }
  }

  /** Gets volumes ready before the first write needs them. */
  prepare(): void {
    for (const lane of Object.values(this.#lanes)) this.#fill(lane)
  }

  /**
   * Appends content to the user's volume, or to the next one where that ends. COPY_ERROR or INSUFFICIENT_SPACE where no
   * volume can be had, or one after the other ends until `deadlineMs` (monotonic); UNAVAILABLE where the master cannot be
   * asked.
   */
  async append(
    { kind, user, deadlineMs }: AppendTarget,
    origin: RecordOrigin,
    content: SummedContent,
  ): Promise<AppendedRecord> {
    const lane = this.#lanes[kind]
    for (;;) {
      const volume = lane.inUse.get(user) ?? this.#takeSpare(lane, user)
      if (volume === undefined) {
        await this.#waitForSpare(lane)
        continue
      }
      this.#count(lane, volume, 1)
      try {
        const appending = volume.append(origin, content)
        if (volume.length >= this.#deps.volumeSizeBytes()) this.#drop(lane, volume)
        const placement = await appending
        lane.failures = 0
        return this.#appended(lane, volume, placement)
      } catch (error) {
        this.#count(lane, volume, -1)
        if (!(error instanceof VolumeEndedError)) throw error
        if (!this.#sealRequested.has(volume)) lane.failures += 1
        this.#abandon(lane, volume, error)
        if (this.#deps.clock.monotonicMs() >= deadlineMs)
          throw new DfsError('COPY_ERROR', 'volumes keep ending before they are written', { cause: error })
      }
    }
  }

  /** This user appends no more: its volume is free for the next one. */
  release(kind: VolumeKind, user: VolumeUser): void {
    const lane = this.#lanes[kind]
    const volume = lane.inUse.get(user)
    if (volume === undefined) return
    lane.inUse.delete(user)
    lane.spare.push(volume)
    this.#announce(lane)
  }

  /**
   * Retires volumes with fewer than `copies` replicas: so many servers can be had now (R19). At most once a minute, since
   * every renewal leaves a short volume behind.
   */
  renew(copies: number): void {
    const nowMs = this.#deps.clock.monotonicMs()
    if (nowMs < this.#renewAgainMs) return
    for (const lane of Object.values(this.#lanes)) {
      const short = [...lane.spare, ...lane.inUse.values()].filter(
        ({ order }) => order.replicas.length < copies,
      )
      for (const volume of short) {
        this.#renewAgainMs = nowMs + RENEW_EVERY_MS
        this.#drop(lane, volume)
        if (!lane.unsettled.has(volume)) this.#seal(volume, 'more copies are possible now')
      }
    }
  }

  /** The master has sealed this volume: it takes no more records, and its successor is made before a write needs it. */
  noteSealed(volume: number): void {
    for (const lane of Object.values(this.#lanes)) {
      const open = [...lane.spare, ...lane.inUse.values()].find(({ order }) => order.volume === volume)
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
    if (!isKept(lane, volume)) this.#seal(volume, 'it is full')
  }

  /** A volume that failed: whoever waits goes to the next one at once, the seal follows behind. */
  #abandon(lane: Lane, volume: OpenVolume, reason: unknown): void {
    this.#drop(lane, volume)
    this.#seal(volume, reason instanceof Error ? describe(reason) : String(reason))
  }

  #takeSpare(lane: Lane, user: VolumeUser): OpenVolume | undefined {
    const volume = lane.spare.shift()
    if (volume !== undefined) lane.inUse.set(user, volume)
    this.#fill(lane)
    return volume
  }

  /** Nobody gets this volume any more. */
  #drop(lane: Lane, volume: OpenVolume): void {
    const index = lane.spare.indexOf(volume)
    if (index >= 0) lane.spare.splice(index, 1)
    for (const [user, used] of lane.inUse) if (used === volume) lane.inUse.delete(user)
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

  async #waitForSpare(lane: Lane): Promise<void> {
    try {
      await withDeadline(this.#deps.clock, ALLOCATE_WAIT_MS, async () => {
        if (this.#closed.signal.aborted) throw new DfsError('UNAVAILABLE', 'this server is stopping')
        const arrival = lane.arrival.promise
        this.#fill(lane)
        if (lane.spare.length === 0) await arrival
      })
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error
      throw whyNoVolume(lane.lastError)
    }
  }

  /** Lets everybody look again who waits for a volume. */
  #announce(lane: Lane): void {
    lane.arrival.resolve()
    lane.arrival = Promise.withResolvers()
  }

  #fill(lane: Lane): void {
    if (lane.isFilling) return
    lane.isFilling = true
    void this.#fillLane(lane).finally(() => {
      lane.isFilling = false
    })
  }

  /**
   * Goes on until the lane is full or the pool closed: what failed may work in a moment, and the next write needs it. The
   * second failure in a row and all further ones are followed by a pause. A volume that was made and then failed counts as
   * well: on a disk where every other sync fails, the servers would do nothing but make volumes.
   */
  async #fillLane(lane: Lane): Promise<void> {
    const { allocate } = this.#deps
    while (lane.spare.length < SPARE_VOLUMES) {
      if (lane.failures > 1) await this.#pause(lane.failures - 1)
      if (this.#closed.signal.aborted) return
      try {
        lane.spare.push(await allocate(lane.kind))
        lane.lastError = null
        this.#announce(lane)
      } catch (error) {
        lane.lastError = error
        lane.failures += 1
        this.#noteFailure(lane, error)
      }
    }
  }

  /** While a cluster starts, the first servers find too few others: that is no news yet. */
  #noteFailure({ kind, failures }: Lane, error: unknown): void {
    const { log } = this.#deps
    const fields = { kind, failures, err: error }
    if (failures <= QUIET_FAILURES) log.debug(fields, 'no volume could be made')
    else if (failures % WARN_EVERY_FAILURES === 0) log.warn(fields, 'no volume could be made')
  }

  async #pause(attempt: number): Promise<void> {
    const { clock, random } = this.#deps
    const pauseMs = backoffMs(attempt, ALLOCATE_BACKOFF, random)
    await clock.sleep(pauseMs, this.#closed.signal).catch(() => undefined)
  }
}

const isKept = (lane: Lane, volume: OpenVolume): boolean =>
  lane.spare.includes(volume) || [...lane.inUse.values()].includes(volume)

/** Refusals of the master that tell a client what to do. */
const TELLING: ReadonlySet<string> = new Set(['COPY_ERROR', 'INSUFFICIENT_SPACE', 'UNAVAILABLE', 'TOO_BUSY'])

/** What a client is told: nothing was written, whatever it was that failed while a volume was made. */
function whyNoVolume(cause: unknown): DfsError {
  if (cause instanceof DfsError && TELLING.has(cause.code)) return cause
  const reason = cause instanceof Error ? `: ${describe(cause)}` : ' in time'
  return new DfsError('COPY_ERROR', `no volume could be made${reason}`, { cause })
}

const describe = (error: Error): string =>
  error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
