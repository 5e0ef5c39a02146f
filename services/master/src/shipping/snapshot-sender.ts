/**
 * Snapshots: one at a time, begun when a holder needs one, or when the change sets have become more than is worth keeping. It is read once
 * for all that need it. One that could not be made is tried again, ever later: while it is not there, copies lack what they lack.
 */
import { type Clock, type Log } from '@dfs/core'
import { encodeSnapshotEnd, encodeSnapshotPiece, type FrameCodec } from '@dfs/metadata-copy'
import { DfsError, MIB } from '@dfs/protocol'
import { type MetadataSource, type Snapshot } from '../metadata/metadata-source.ts'
import { type ChangeLog } from './change-log.ts'
import { type HolderLink } from './holder-link.ts'
import { type Packer } from './packer.ts'
import { Shipment } from './shipment.ts'

/** Frames that wait for the slowest holder. */
const WINDOW_BYTES = 16 * MIB
const AGAIN_FIRST_MS = 1000
const AGAIN_MS_MAX = 60_000

export interface SnapshotSenderDeps {
  readonly clock: Clock
  readonly textLog: Log
  readonly source: MetadataSource
  readonly log: ChangeLog
  readonly packer: Packer
  readonly clusterId: string
  readonly codec: FrameCodec
  readonly onFatal: (error: unknown) => void
}

export class SnapshotSender {
  readonly #deps: SnapshotSenderDeps
  readonly #stopped = new AbortController()
  #sending: Promise<void> | null = null
  #failures = 0
  #notBeforeMs = 0
  completedCount = 0

  constructor(deps: SnapshotSenderDeps) {
    this.#deps = deps
  }

  get isSending(): boolean {
    return this.#sending !== null
  }

  get mayBegin(): boolean {
    return this.#sending === null && this.#deps.clock.monotonicMs() >= this.#notBeforeMs
  }

  /** `takers` is asked when the snapshot is there. */
  begin(takers: () => readonly HolderLink[]): void {
    this.#sending = this.#send(takers)
      .catch((error: unknown) => this.#noteFailure(error))
      .finally(() => {
        this.#deps.log.release()
        this.#sending = null
      })
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#sending
  }

  async #send(takers: () => readonly HolderLink[]): Promise<void> {
    await using snapshot = await this.#take()
    // A chain that broke meanwhile does not lead on from here.
    if (this.#deps.log.placeOf(snapshot.position) === null) return
    const links = takers()
    const { position } = snapshot
    const { clock, textLog } = this.#deps
    const onTooSlow = (server: number): void =>
      textLog.warn({ server }, 'a snapshot of the metadata goes on without a server that is too slow')
    const shipment = new Shipment({ position, windowBytes: WINDOW_BYTES, clock, onTooSlow })
    for (const link of links) link.receive(shipment)
    this.#deps.log.release()
    if (links.length === 0) return
    const { bytesTotal: bytes } = snapshot
    const servers = links.map(({ server }) => server)
    this.#deps.textLog.info({ bytes, servers }, 'a snapshot of the metadata is on its way')
    try {
      await this.#read(snapshot, shipment, links)
      await shipment.over
      if (shipment.takenCount === 0)
        throw new DfsError('UNAVAILABLE', 'no chunk server has taken all of the snapshot')
    } finally {
      shipment.end()
    }
    this.#failures = 0
    this.completedCount += 1
  }

  /** At its position a frame of change sets ends, and none behind it is sent before the snapshot has begun. */
  async #take(): Promise<Snapshot> {
    const { source, packer, log } = this.#deps
    const snapshot = await source.snapshot(this.#stopped.signal, (position) => {
      packer.cutAt = position.sequence
      log.hold(position)
    })
    await packer.done()
    return snapshot
  }

  async #read(snapshot: Snapshot, shipment: Shipment, links: readonly HolderLink[]): Promise<void> {
    const { clusterId, codec } = this.#deps
    const { position, schema, bytesTotal: fileBytes } = snapshot
    const origin = { clusterId, schema, position, fileBytes }
    const push = (frame: Uint8Array, isLast: boolean): void => {
      shipment.push(frame, isLast)
      for (const link of links) link.wake()
    }
    let offset = 0
    for await (const raw of snapshot.pieces()) {
      const frame = await encodeSnapshotPiece({ ...origin, offset, raw }, codec)
      offset += raw.byteLength
      await shipment.room()
      if (!shipment.isWanted || this.#stopped.signal.aborted) return
      push(frame, false)
    }
    push(await encodeSnapshotEnd(origin, codec), true)
  }

  #noteFailure(error: unknown): void {
    if (this.#stopped.signal.aborted) return
    if (!(error instanceof DfsError)) {
      this.#deps.onFatal(error)
      return
    }
    this.#failures += 1
    const pauseMs = Math.min(AGAIN_MS_MAX, AGAIN_FIRST_MS * 2 ** (this.#failures - 1))
    this.#notBeforeMs = this.#deps.clock.monotonicMs() + pauseMs
    this.#deps.textLog.warn({ err: error, pauseMs }, 'a snapshot of the metadata was not made')
  }
}
