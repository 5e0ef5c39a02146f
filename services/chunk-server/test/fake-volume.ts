/** An open volume without disks and network, for what chooses among volumes. */
import { type Clock, QueueFullError } from '@dfs/core'
import { type ChunkPlacement, type VolumeKind, type VolumeOrder } from '@dfs/protocol'
import { VolumeEndedError } from '../src/replication/open-volume.ts'

export const RECORD_BYTES = 100
export const APPEND_MS = 2

export interface FakeVolumeOptions {
  readonly clock: Clock
  readonly volume: number
  readonly replicas: number
  /** Whether its first append fails. */
  readonly breaks: boolean
  readonly sizeBytes?: number | undefined
}

/** Takes records as an open volume does: all fail that wait when it ends. */
export class FakeVolume {
  readonly kind: VolumeKind
  readonly order: VolumeOrder
  length = 0
  committedEnd = 0
  /** Records of which a test knows that they are not settled. */
  open = 0
  /** What it was like when the master was asked to seal it. */
  atSeal: { hasEnded: boolean; open: number } | null = null
  appendMs = APPEND_MS
  /** Makes the next append fail, and what waits with it. */
  breaks: boolean
  isFullOfWaiting = false
  readonly #clock: Clock
  #ended: VolumeEndedError | null = null

  constructor(kind: VolumeKind, { clock, volume, replicas, breaks, sizeBytes }: FakeVolumeOptions) {
    this.kind = kind
    this.#clock = clock
    this.breaks = breaks
    this.order = { volume, replicas: Array.from({ length: replicas }), sizeBytes } as unknown as VolumeOrder
  }

  get hasEnded(): boolean {
    return this.#ended !== null
  }

  async append(): Promise<ChunkPlacement> {
    if (this.#ended !== null) throw this.#ended
    if (this.isFullOfWaiting) throw new QueueFullError('too much is waiting')
    const offset = this.length
    this.length += RECORD_BYTES
    await this.#clock.sleep(this.appendMs)
    if (this.breaks) this.end('a replica did not sync a batch')
    if (this.hasEnded) throw this.#ended!
    return { volume: this.order.volume, offset, recordSize: RECORD_BYTES } as ChunkPlacement
  }

  noteCommitted(end: number): void {
    this.committedEnd = Math.max(this.committedEnd, end)
  }

  end(reason: string): void {
    this.#ended ??= new VolumeEndedError(reason)
  }
}
