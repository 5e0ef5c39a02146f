/**
 * The open volumes of which this server is the primary. All small writes share one; a long write has one of its own while it
 * lasts, so that its chunks are committed in the order in which they stand there and wait for nobody else's. For each kind
 * a spare is ready to take over at once. Content that was appended but not committed when its volume ended is appended
 * again to the next one: clients notice a little latency, no error.
 */
import { assert, type Clock, type Log, type Random } from '@dfs/core'
import { type ChunkPlacement, DfsError, formatId, type VolumeKind, type VolumeOrder } from '@dfs/protocol'
import { type SummedContent } from '@dfs/volume'
import { type Tuning } from '../tuning.ts'
import { type OpenVolume, type RecordOrigin, VolumeEndedError } from './open-volume.ts'
import { describeFailure, SpareVolumes } from './spare-volumes.ts'

export interface VolumePoolDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly tuning: Tuning
  readonly volumeSizeBytes: () => number
  /** Asks the master for one open volume and makes all of its copies; throws the reason if that fails. */
  readonly allocate: (kind: VolumeKind) => Promise<OpenVolume>
  /** Has the master seal a volume; tries until it is done. */
  readonly seal: (order: VolumeOrder, reason: string) => Promise<void>
}

/**
 * Volumes with too few copies are replaced this often at most, on average. A few times may follow at once: servers that start
 * together become usable one after the other, and a volume that was asked for before the last of them may come after it.
 */
const RENEW_EVERY_MS = 60_000
const RENEWALS_MAX = 3

/** A record that stands on every replica but is not committed yet. Exactly one of the two must be called. */
export interface AppendedRecord {
  readonly placement: ChunkPlacement
  /** The master has answered: committed, or refused for a reason that has nothing to do with the volume. */
  conclude(isCommitted: boolean): void
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
  /** Aborts when the client has left: no volume is waited for any more. */
  readonly signal?: AbortSignal | undefined
}

interface Lane {
  readonly spare: SpareVolumes
  readonly inUse: Map<VolumeUser, OpenVolume>
  /** Records appended of which nobody has said yet what became of them, by volume: a full volume is sealed when it has none left. */
  readonly pending: Map<OpenVolume, number>
}

export class VolumePool {
  readonly #deps: VolumePoolDeps
  readonly #lanes: Readonly<Record<VolumeKind, Lane>>
  readonly #sealing = new Set<Promise<void>>()
  readonly #sealRequested = new WeakSet<OpenVolume>()
  readonly #closed = new AbortController()
  /** When volumes were renewed lately. */
  #renewedMs: readonly number[] = []

  constructor(deps: VolumePoolDeps) {
    this.#deps = deps
    const lane = (kind: VolumeKind): Lane => ({
      spare: new SpareVolumes(kind, { ...deps, closed: this.#closed.signal }),
      inUse: new Map(),
      pending: new Map(),
    })
    this.#lanes = { small: lane('small'), large: lane('large') }
  }

  /** Gets volumes ready before the first write needs them. */
  prepare(): void {
    for (const { spare } of Object.values(this.#lanes)) spare.fill()
  }

  /**
   * Appends content to the user's volume, or to the next one if that ends. COPY_ERROR or INSUFFICIENT_SPACE if no
   * volume can be had, or one after the other ends until `deadlineMs` (monotonic); UNAVAILABLE if the master cannot be
   * asked, or its client leaves while a volume is waited for.
   */
  async append(
    { kind, user, deadlineMs, signal }: AppendTarget,
    origin: RecordOrigin,
    content: SummedContent,
  ): Promise<AppendedRecord> {
    const lane = this.#lanes[kind]
    for (;;) {
      const volume = lane.inUse.get(user) ?? this.#takeSpare(lane, user)
      if (volume === undefined) {
        await lane.spare.wait(deadlineMs, signal)
        continue
      }
      this.#count(lane, volume, 1)
      try {
        const appending = volume.append(origin, content)
        if (volume.length >= this.#sizeOf(volume)) this.#drop(lane, volume)
        const placement = await appending
        lane.spare.noteUse(true)
        return this.#appended(lane, volume, placement)
      } catch (error) {
        this.#count(lane, volume, -1)
        if (!(error instanceof VolumeEndedError)) throw error
        if (!this.#sealRequested.has(volume)) lane.spare.noteUse(false)
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
    lane.spare.giveBack(volume)
  }

  /**
   * Retires volumes with fewer than `copies` replicas: so many servers can be had now (R19). Once a minute on average, since
   * every renewal leaves a short volume behind; as often as it is asked if `isStarting`, which lasts half a minute.
   */
  renew(copies: number, isStarting = false): void {
    const nowMs = this.#deps.clock.monotonicMs()
    const sinceMs = nowMs - RENEWALS_MAX * RENEW_EVERY_MS
    this.#renewedMs = this.#renewedMs.filter((renewedMs) => renewedMs > sinceMs)
    if (this.#renewedMs.length >= RENEWALS_MAX && !isStarting) return
    let hasRenewed = false
    for (const lane of Object.values(this.#lanes)) {
      const short = keptBy(lane).filter(({ order }) => order.replicas.length < copies)
      for (const volume of short) {
        hasRenewed = true
        this.#drop(lane, volume)
        if (!lane.pending.has(volume)) this.#seal(volume, 'more copies are possible now')
      }
    }
    if (hasRenewed && !isStarting) this.#renewedMs = [...this.#renewedMs, nowMs]
  }

  /** Copies that the next write of any kind gets, with the volumes that are there now; 0 if one kind has none. */
  get copiesNow(): number {
    const copiesOf = (lane: Lane): number =>
      Math.min(...keptBy(lane).map(({ order }) => order.replicas.length))
    const kept = Object.values(this.#lanes).filter((lane) => keptBy(lane).length > 0)
    return kept.length < Object.keys(this.#lanes).length ? 0 : Math.min(...kept.map(copiesOf))
  }

  /** Why a kind of which there is no volume has none, as far as that is known. */
  get whyNone(): DfsError | null {
    const lacking = Object.values(this.#lanes).filter((lane) => keptBy(lane).length === 0)
    return lacking.map(({ spare }) => spare.whyNone).find((reason) => reason !== null) ?? null
  }

  /** Whether records are appended to this volume, or will be. */
  isWriting(volume: number): boolean {
    return Object.values(this.#lanes).some((lane) =>
      keptBy(lane).some(({ order }) => order.volume === volume),
    )
  }

  /** The master has sealed this volume: it takes no more records, and its successor is made before a write needs it. */
  noteSealed(volume: number): void {
    for (const lane of Object.values(this.#lanes)) {
      const open = keptBy(lane).find(({ order }) => order.volume === volume)
      if (open !== undefined) this.#abandon(lane, open, 'the master has sealed it')
    }
  }

  /** No new volumes; seals under way are waited for. */
  async close(): Promise<void> {
    this.#closed.abort()
    await Promise.allSettled(this.#sealing)
  }

  #appended(lane: Lane, volume: OpenVolume, placement: ChunkPlacement): AppendedRecord {
    let isConcluded = false
    const concludeOnce = (): void => {
      assert(!isConcluded, 'an appended record is concluded once')
      isConcluded = true
      this.#count(lane, volume, -1)
    }
    return {
      placement,
      conclude: (isCommitted) => {
        if (isCommitted) volume.noteCommitted(placement.offset + placement.recordSize)
        concludeOnce()
      },
      refuse: (reason) => {
        concludeOnce()
        volume.end(reason)
        this.#abandon(lane, volume, reason)
      },
    }
  }

  #count(lane: Lane, volume: OpenVolume, change: 1 | -1): void {
    const count = (lane.pending.get(volume) ?? 0) + change
    if (count > 0) {
      lane.pending.set(volume, count)
      return
    }
    lane.pending.delete(volume)
    if (!keptBy(lane).includes(volume)) this.#seal(volume, 'it is full')
  }

  /** A volume that failed: whoever waits goes to the next one at once, the seal follows behind. */
  #abandon(lane: Lane, volume: OpenVolume, reason: unknown): void {
    this.#drop(lane, volume)
    this.#seal(volume, reason instanceof Error ? describeFailure(reason) : String(reason))
  }

  /** Smaller than others where disks have little room left. */
  #sizeOf({ order }: OpenVolume): number {
    return Math.min(order.sizeBytes ?? Infinity, this.#deps.volumeSizeBytes())
  }

  #takeSpare(lane: Lane, user: VolumeUser): OpenVolume | undefined {
    const volume = lane.spare.take()
    if (volume !== undefined) lane.inUse.set(user, volume)
    return volume
  }

  /** Nobody gets this volume any more. */
  #drop(lane: Lane, volume: OpenVolume): void {
    for (const [user, used] of lane.inUse) if (used === volume) lane.inUse.delete(user)
    lane.spare.remove(volume)
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
}

const keptBy = ({ spare, inUse }: Lane): OpenVolume[] => [...spare.all, ...inUse.values()]
