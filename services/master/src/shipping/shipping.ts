/**
 * Copies of the metadata on chunk servers, kept up to date (R25; docs/adr/0021): change sets leave a few times a second for all holders,
 * and snapshots when they are needed. Nobody waits for it, unless the settings say so; but a master that most of the holders do not
 * confirm any more acknowledges nothing.
 */
import { type Clock, DeadlineError, type Runtime, withDeadline } from '@dfs/core'
import { type FrameCodec } from '@dfs/metadata-copy'
import { DfsError, MIB } from '@dfs/protocol'
import { CommitTimes } from '../domain/shipping/commit-times.ts'
import { whyFenced } from '../domain/shipping/fence.ts'
import { HOLDERS_WANTED, mostOf } from '../domain/shipping/quorum.ts'
import { isRenewalDue } from '../domain/shipping/renewal.ts'
import { type MetadataSource } from '../metadata/metadata-source.ts'
import { type Holding, type Recovering, type StoreIdentity } from '../metadata/store.ts'
import { type RestoredBackup } from '../servers/restored-backup.ts'
import { type Sessions } from '../servers/sessions.ts'
import { AckGate } from './ack-gate.ts'
import { ChangeLog } from './change-log.ts'
import { type CopiesFacts, type HolderFacts } from '../domain/shipping/copies-facts.ts'
import { type HolderLink } from './holder-link.ts'
import { HolderLinks } from './holder-links.ts'
import { HolderSet } from './holder-set.ts'
import { Packer } from './packer.ts'
import { SnapshotSender } from './snapshot-sender.ts'

/** Frames in memory for holders that have not confirmed them; beyond it they need a new snapshot. */
export const BACKLOG_BYTES = 64 * MIB
/** A copy that lacks no more than of the last second is at the end of the chain. */
const AT_END_MS = 1000
/** So long a snapshot waits for others that may need it too. */
const GATHER_MS = 1000
/** What is left to send is waited for so long when the master stops. */
const STOP_WITHIN_MS = 3000
/** A holder that fails so often in a row is not waited for when the master stops. */
const STOP_FAILURES = 2

export interface ShippingOptions {
  readonly source: MetadataSource
  readonly codec: FrameCodec
  /** Results and look-ups wait for the copies. */
  readonly isAwaited: boolean
  /** Time between two pieces. */
  readonly everyMs: number
  /** Change sets of a copy that are kept, however small the database is, before a new snapshot. */
  readonly changesKeptBytes: number
  /** Default {@link BACKLOG_BYTES}. */
  readonly backlogBytes?: number
}

export interface ShippingDeps extends ShippingOptions {
  readonly runtime: Runtime
  readonly store: StoreIdentity & Holding & Recovering
  readonly sessions: Sessions
  readonly backup: RestoredBackup
  /** By then every server had its time to register with this start. */
  readonly graceMs: number
  /** What must not happen, and ends the process. */
  readonly onFatal: (error: Error) => void
}

export class Shipping {
  readonly #deps: ShippingDeps
  readonly #clock: Clock
  readonly #startedAtMs: number
  readonly #stopped = new AbortController()
  readonly #log: ChangeLog
  readonly #times = new CommitTimes()
  readonly #links: HolderLinks
  readonly #set: HolderSet
  readonly #packer: Packer
  readonly #sender: SnapshotSender
  readonly #gate: AckGate
  readonly #running: Promise<void>
  #forgetting: Promise<void> | null = null
  #neededSinceMs: number | null = null
  #fewSinceMs: number | null
  #isFlushDue = false
  #news = Promise.withResolvers<void>()

  /** Takes part in what the source captures, and begins. */
  constructor(deps: ShippingDeps) {
    const { runtime, store, sessions, source, codec, graceMs } = deps
    const { clusterId } = store
    const epoch = () => store.epoch()
    const onFatal = (error: unknown): void => deps.onFatal(error as Error)
    const bytesMax = deps.backlogBytes ?? BACKLOG_BYTES
    this.#deps = deps
    this.#log = new ChangeLog(bytesMax)
    this.#clock = runtime.clock
    this.#startedAtMs = this.#clock.monotonicMs()
    this.#fewSinceMs = this.#startedAtMs
    this.#gate = new AckGate(this.#clock)
    this.#links = new HolderLinks({
      runtime,
      sessions,
      clusterId,
      epoch,
      log: this.#log,
      includes: (position) => store.includes(position),
      onLack: (id, seen) => deps.backup.noteLack({ server: `server ${id}`, seen, own: epoch(), torn: null }),
      onNews: () => this.#noteNews(),
      onFatal,
    })
    const shared = { clock: this.#clock, source, log: this.#log, clusterId, codec, onFatal }
    this.#packer = new Packer({
      ...shared,
      bytesMax,
      onChanges: (to, sinceMs) => this.#times.note(to, sinceMs),
      onFrame: () => this.#links.wake(),
    })
    this.#sender = new SnapshotSender({ ...shared, textLog: runtime.log, packer: this.#packer })
    this.#set = new HolderSet({
      runtime,
      clusterId,
      epoch,
      holding: store.holding,
      recovering: store.recovering,
      sessions,
      clock: this.#clock,
      links: this.#links,
      isAtEnd: (link) => this.#isAtEnd(link),
      isInGrace: () => this.#clock.monotonicMs() - this.#startedAtMs < graceMs,
    })
    this.#running = this.#run().catch(onFatal)
  }

  /** Before anything is changed for somebody. Throws UNAVAILABLE with why nothing may be acknowledged, TOO_BUSY. */
  require(): void {
    const why = this.whyFenced()
    if (why !== null) throw new DfsError('UNAVAILABLE', why)
    if (this.#deps.isAwaited) this.#gate.requireRoom()
  }

  /** Resolves when an answer may leave that rests on the transaction. Throws TIMEOUT_ERROR. */
  async passed(sequence: number): Promise<void> {
    if (!this.#deps.isAwaited) return
    this.#flushSoon()
    await this.#gate.passed(sequence)
  }

  /** Why nothing is acknowledged, for people; null if it is. */
  whyFenced(): string | null {
    const { isAwaited } = this.#deps
    const { counting } = this.#set
    if (isAwaited && counting.length === 0)
      return 'no chunk server holds a copy of the metadata yet, and changes wait for copies (DFS_METADATA_ACK)'
    return whyFenced({
      holders: counting.map((id) => this.#links.get(id)?.voice ?? { confirmedAtMs: null, isRefusing: false }),
      unplacedSinceMs: this.#unplacedSinceMs(),
      nowMs: this.#clock.monotonicMs(),
      ...(isAwaited ? { from: 1 } : {}),
    })
  }

  facts(): CopiesFacts {
    const nowMs = this.#clock.monotonicMs()
    const servers = this.#deps.sessions.view()
    const { counting } = this.#set
    const holders = counting.map((id) => {
      const name = servers.find((server) => server.id === id)?.name ?? `server ${id}`
      return this.#holderFacts(id, name, nowMs)
    })
    const most = mostOf(counting.length)
    const sinceMs = this.#unplacedSinceMs()
    const behind = holders.map(({ bytesBehind }) => bytesBehind ?? this.#log.bytesFrom(0))
    return {
      holders,
      fewForMs: this.#fewSinceMs === null ? 0 : nowMs - this.#fewSinceMs,
      ageMs: holders.some(({ isWhole }) => isWhole) ? (sinceMs === null ? 0 : nowMs - sinceMs) : null,
      bytesBehind: behind.toSorted((a, b) => a - b)[most - 1] ?? 0,
      fenced: this.whyFenced(),
      bytesSent: this.#links.bytesSent,
      snapshots: this.#sender.completedCount,
    }
  }

  /** Sends what is left, as far as holders take it in time. Before the store is closed; idempotent. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
    await Promise.all([this.#sender.stop(), this.#forgetting])
    await this.#sendRest()
    await this.#links.stop()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      if (this.#deps.backup.reason === null) await this.#step()
      await this.#clock.sleep(this.#deps.everyMs, signal).catch(() => undefined)
    }
  }

  async #step(): Promise<void> {
    this.#packer.flush()
    // What this start began with is in the log by the time that anybody is asked what it has.
    if (this.#links.isEmpty) await this.#packer.done()
    this.#links.locate(this.#set.taking)
    await this.#set.step()
    this.#noteNews()
    this.#noteFew()
    this.#beginSnapshot()
    this.#forgetting ??= this.#set
      .forgetOthers()
      .catch(this.#deps.onFatal)
      .finally(() => {
        this.#forgetting = null
      })
  }

  #noteNews(): void {
    const placed = this.#placed()
    this.#gate.note(placed)
    this.#times.forget(Math.min(placed, ...this.#links.all.map(({ durable }) => durable)))
    this.#log.trim(this.#links.keepsFrom)
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  #noteFew(): void {
    const whole = this.#set.counting.filter((id) => this.#links.durableOf(id) >= 0)
    if (whole.length >= HOLDERS_WANTED) this.#fewSinceMs = null
    else this.#fewSinceMs ??= this.#clock.monotonicMs()
  }

  #beginSnapshot(): void {
    const asked = this.#links.all.filter(({ state }) => state !== null)
    const isDue = asked.some(({ state }) => this.#isRenewalDue(state!.changesBytes))
    const isNeeded = asked.some(({ needsSnapshot }) => needsSnapshot)
    if (!isNeeded) this.#neededSinceMs = null
    if (!(isDue || isNeeded) || !this.#sender.mayBegin) return
    const nowMs = this.#clock.monotonicMs()
    this.#neededSinceMs ??= nowMs
    if (!isDue && asked.length < this.#links.all.length && nowMs - this.#neededSinceMs < GATHER_MS) return
    this.#sender.begin(() =>
      this.#links.all.filter(
        (link) => link.needsSnapshot || (link.state !== null && this.#isRenewalDue(link.state.changesBytes)),
      ),
    )
  }

  #isRenewalDue(changesBytes: number): boolean {
    const { changesKeptBytes: keptBytes, source } = this.#deps
    return changesBytes > keptBytes && isRenewalDue(changesBytes, source.sizeBytes(), keptBytes)
  }

  #isAtEnd(link: HolderLink): boolean {
    if (link.durable < 0 || link.needsSnapshot) return false
    const sinceMs = this.#times.sinceMs(link.durable)
    return sinceMs === null || this.#clock.monotonicMs() - sinceMs < AT_END_MS
  }

  /** The transaction that most of the holders have in a whole copy; -1 if there is none. */
  #placed(): number {
    const { length } = this.#set.counting
    return length === 0 ? -1 : this.#set.placedBy(mostOf(length))
  }

  #unplacedSinceMs(): number | null {
    return this.#times.sinceMs(this.#placed()) ?? this.#packer.heldSinceMs
  }

  #holderFacts(server: number, name: string, nowMs: number): HolderFacts {
    const link = this.#links.get(server)
    const isWhole = link !== undefined && link.durable >= 0
    const sinceMs = isWhole ? (this.#times.sinceMs(link.durable) ?? this.#packer.heldSinceMs) : null
    const ageMs = isWhole ? (sinceMs === null ? 0 : nowMs - sinceMs) : null
    const place = link?.needsSnapshot === false ? link.keepsFrom : null
    return { server, name, isWhole, ageMs, bytesBehind: place === null ? null : this.#log.bytesFrom(place) }
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    void this.#clock.turn().then(() => {
      this.#isFlushDue = false
      if (this.#stopped.signal.aborted) return
      try {
        this.#packer.flush()
      } catch (error) {
        this.#deps.onFatal(error as Error)
      }
    })
  }

  async #sendRest(): Promise<void> {
    if (this.#deps.backup.reason !== null) return
    this.#packer.flush()
    await this.#packer.done()
    const isDone = (): boolean =>
      this.#links.all.every(({ isIdle, failures }) => isIdle || failures >= STOP_FAILURES)
    try {
      await withDeadline(this.#clock, STOP_WITHIN_MS, async () => {
        while (!isDone()) await this.#news.promise
      })
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error
    }
  }
}
