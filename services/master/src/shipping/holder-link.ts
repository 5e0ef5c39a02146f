/**
 * One chunk server that holds a copy of the metadata, or is to: what it has confirmed, and one call after the other with what it lacks.
 * Change sets come first in each call, so that a snapshot on its way does not make the copy older. What a call has brought is known by its
 * answer alone; a call without one is repeated as it was.
 */
import { backoffMs, type Runtime, TransportError } from '@dfs/core'
import { isSamePosition } from '@dfs/metadata-copy'
import {
  appendMetadata,
  type AppendMetadataReply,
  callMethod,
  DfsError,
  type Epoch,
  type MetadataCopyState,
  MIB,
} from '@dfs/protocol'
import { type HolderVoice } from '../domain/shipping/fence.ts'
import { type ChangeLog } from './change-log.ts'
import { type Shipment } from './shipment.ts'

const CALL_TIMEOUT_MS = 5000
const BACKOFF = { firstMs: 50, msMax: 1000 }
const CHANGES_PER_CALL_BYTES = 2 * MIB
/** A call is short enough that change sets of the next one do not wait for long. */
const PARTS_PER_CALL_BYTES = 2 * MIB
/** Whoever fails for longer is left behind by a snapshot: others wait for it. */
const SHIPMENT_PATIENCE_MS = 5000
/** Refusals of a frame in a row that are taken for something wrong with the frame. */
const REFUSALS_MAX = 3

export interface HolderLinkDeps {
  readonly runtime: Pick<Runtime, 'clock' | 'random' | 'transport' | 'log'>
  readonly clusterId: string
  readonly epoch: () => Epoch
  readonly log: ChangeLog
  /** Whether what a copy has is in this metadata. */
  readonly includes: (position: Epoch) => Promise<boolean>
  /** The copy of this server has what this metadata lacks. */
  readonly onLack: (server: number, position: Epoch) => void
  /** Something has changed that others decide by. */
  readonly onNews: () => void
  /** What must not happen, and ends the process. */
  readonly onFatal: (error: unknown) => void
}

interface Load {
  readonly frames: readonly Uint8Array[]
  readonly changes: number
  readonly parts: number
}

const ASKING: Load = { frames: [], changes: 0, parts: 0 }

export class HolderLink {
  readonly server: number
  readonly #deps: HolderLinkDeps
  readonly #stopped = new AbortController()
  readonly #running: Promise<void>
  /** Null while it is not registered with this start: nothing is sent. */
  #address: string | null = null
  #incarnation = 0
  #state: MetadataCopyState | null = null
  /** Of the first change set that it has not confirmed; null while the chain does not lead on from its copy. */
  #place: number | null = null
  #shipment: Shipment | null = null
  #confirmedAtMs: number | null = null
  #lastAnswerMs: number
  #isRefusing = false
  #hasRoom = true
  #refusals = 0
  /** Calls without a good answer, in a row. */
  failures = 0
  #wake = Promise.withResolvers<void>()
  bytesSent = 0

  constructor(server: number, deps: HolderLinkDeps) {
    this.server = server
    this.#deps = deps
    this.#lastAnswerMs = deps.runtime.clock.monotonicMs()
    this.#running = this.#run().catch(deps.onFatal)
  }

  get voice(): HolderVoice {
    return { confirmedAtMs: this.#confirmedAtMs, isRefusing: this.#isRefusing }
  }

  /** What it has said last; null if it has not been asked since it registered. */
  get state(): MetadataCopyState | null {
    return this.#state
  }

  get hasRoom(): boolean {
    return this.#hasRoom
  }

  /** The transaction up to which it has synced all, in a whole copy; -1 if there is none. */
  get durable(): number {
    return this.#state?.position?.sequence ?? -1
  }

  /** Whether it was asked, and change sets do not lead on from what it has. */
  get needsSnapshot(): boolean {
    return this.#state !== null && !this.#isOnChain && this.#shipment?.has(this.server) !== true
  }

  /** From where on frames must be kept for it; null if it needs none. */
  get keepsFrom(): number | null {
    if (this.#state === null) return this.#deps.log.first
    return this.#place
  }

  get isIdle(): boolean {
    return this.#address === null || (this.#state !== null && this.#load() === null)
  }

  /** Where it is found, and in which of its lives; null while it is not there. What another life has is asked for anew. */
  locate(address: string | null, incarnation: number): void {
    if (incarnation !== this.#incarnation || address === null) this.#forget()
    this.#incarnation = incarnation
    if (this.#address === address) return
    this.#address = address
    this.wake()
  }

  /** Takes part in a snapshot, from its first frame on. */
  receive(shipment: Shipment): void {
    if (!this.#isOnChain) this.#place = this.#deps.log.placeOf(shipment.position)
    this.#shipment = shipment
    shipment.join(this.server)
    this.wake()
  }

  /** There may be something to send. */
  wake(): void {
    this.#wake.resolve()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    this.wake()
    this.#shipment?.leave(this.server)
    await this.#running
  }

  get #isOnChain(): boolean {
    return this.#place !== null && this.#place >= this.#deps.log.first
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#deps.runtime
    const { signal } = this.#stopped
    while (!signal.aborted) {
      this.#leaveUnreachable()
      const load = this.#address === null ? null : this.#load()
      if (load === null) {
        await this.#wake.promise
        this.#wake = Promise.withResolvers()
        continue
      }
      if (await this.#send(load)) this.failures = 0
      else {
        this.failures += 1
        this.#deps.onNews()
        await clock.sleep(backoffMs(this.failures, BACKOFF, random), signal).catch(() => undefined)
      }
    }
  }

  /** The chain up to where the snapshot begins was let go of before it has begun here: another one is needed, and others wait for this one. */
  #leaveUnreachable(): void {
    const shipment = this.#shipment
    if (shipment?.has(this.server) !== true || shipment.hasBegun(this.server)) return
    if (this.#isOnChain && this.#deps.log.placeOf(shipment.position) !== null) return
    shipment.leave(this.server)
    this.#deps.onNews()
  }

  /** What goes in the next call; null if there is nothing. */
  #load(): Load | null {
    if (this.#state === null) return ASKING
    const changes = this.#isOnChain ? this.#deps.log.next(this.#place!, CHANGES_PER_CALL_BYTES) : []
    const shipment = this.#shipment
    if (shipment?.has(this.server) !== true) return loadOf(changes, [])
    if (shipment.hasBegun(this.server))
      return loadOf(changes, shipment.next(this.server, PARTS_PER_CALL_BYTES))
    // A holder begins another file of change sets at the position of a snapshot: it has to know of it by then.
    const before = changes.filter(({ to }) => to.sequence <= shipment.position.sequence)
    const isThere = this.#place! + before.length === this.#deps.log.placeOf(shipment.position)
    return loadOf(before, isThere ? shipment.next(this.server, 1) : [])
  }

  /** Whether it was answered well. */
  async #send(load: Load): Promise<boolean> {
    const { clusterId, runtime, epoch } = this.#deps
    const sentAtMs = runtime.clock.monotonicMs()
    const incarnation = this.#incarnation
    const request = { clusterId, epoch: epoch(), frames: load.frames }
    const options = { timeoutMs: CALL_TIMEOUT_MS, signal: this.#stopped.signal }
    try {
      const reply = await callMethod(runtime.transport, this.#address!, appendMetadata, request, options)
      // It may have begun another life meanwhile, of which this answer says nothing.
      if (incarnation !== this.#incarnation) return true
      return await this.#take(load, reply, sentAtMs)
    } catch (error) {
      if (!(error instanceof TransportError || error instanceof DfsError)) throw error
      if (!this.#stopped.signal.aborted && incarnation === this.#incarnation) this.#noteFailure(load, error)
      return false
    }
  }

  async #take(load: Load, { isGap, state }: AppendMetadataReply, sentAtMs: number): Promise<boolean> {
    const isNew = this.#state === null
    if (isNew && state.end !== null && !(await this.#deps.includes(state.end))) {
      this.#isRefusing = true
      this.#deps.onLack(this.server, state.end)
      return false
    }
    this.#state = state
    this.#confirmedAtMs = sentAtMs
    this.#lastAnswerMs = sentAtMs
    this.#isRefusing = false
    this.#hasRoom = true
    this.#refusals = 0
    if (isGap) this.#begin(state, this.#place)
    else if (isNew) this.#begin(state, null)
    else {
      if (this.#place !== null) this.#place += load.changes
      for (const frame of load.frames) this.bytesSent += frame.byteLength
      if (load.parts > 0) this.#shipment?.confirm(this.server, load.parts)
      // Damage that it has found: what it has is less than it was brought.
      if (this.#shipment?.has(this.server) !== true && !isWholeCopy(state)) this.#place = null
    }
    this.#deps.onNews()
    return true
  }

  /** The chain leads on from a whole copy if its end is known here; not from `refused`, where it was just tried. */
  #begin(state: MetadataCopyState, refused: number | null): void {
    this.#shipment?.leave(this.server)
    const place = isWholeCopy(state) ? this.#deps.log.placeOf(state.end!) : null
    this.#place = place === refused ? null : place
  }

  #noteFailure(load: Load, error: DfsError | TransportError): void {
    const { runtime } = this.#deps
    runtime.log.warn({ server: this.server, err: error }, 'a copy of the metadata was not brought')
    const code = error instanceof DfsError ? error.code : null
    this.#isRefusing = code === 'STALE_EPOCH'
    this.#hasRoom = code !== 'INSUFFICIENT_SPACE'
    this.#refusals = code === 'INVALID_REQUEST' ? this.#refusals + 1 : 0
    const nowMs = runtime.clock.monotonicMs()
    if (nowMs - this.#lastAnswerMs >= SHIPMENT_PATIENCE_MS) this.#shipment?.leave(this.server)
    if (this.#refusals >= REFUSALS_MAX && load.frames.length > 0) {
      this.#shipment?.leave(this.server)
      this.#place = null
    }
  }

  #forget(): void {
    this.#shipment?.leave(this.server)
    this.#state = null
    this.#place = null
    this.#isRefusing = false
    this.wake()
  }
}

const loadOf = (changes: readonly { bytes: Uint8Array }[], parts: readonly Uint8Array[]): Load | null =>
  changes.length + parts.length === 0
    ? null
    : {
        frames: [...changes.map(({ bytes }) => bytes), ...parts],
        changes: changes.length,
        parts: parts.length,
      }

/** Whether all that it has is one copy without a gap. */
const isWholeCopy = ({ position, end }: MetadataCopyState): boolean =>
  position !== null && end !== null && isSamePosition(position, end)
