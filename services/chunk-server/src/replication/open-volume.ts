/**
 * An open volume as its primary sees it: group commit across the network. All records that wait at one moment form a
 * batch; the batch is written and synced here and, at the same time, the identical bytes go to every other replica. While
 * one batch is under way the next one gathers. Two under way were measured slower than one.
 *
 * Any failed, late or wrong answer ends the volume for this primary: nothing is retried and no set shrinks. Whoever waits
 * gets {@link VolumeEndedError} and appends the same content to another volume; the master seals this one.
 */
import { assert, Batcher, type Clock, type Transport, TransportError, withDeadline } from '@dfs/core'
import {
  appendRecords,
  BLOCK_SIZE_BYTES,
  callMethod,
  CHUNK_SIZE_BYTES,
  type ChunkPlacement,
  formatId,
  PATH_BYTES_MAX,
  type VolumeOrder,
} from '@dfs/protocol'
import {
  BLOCK_BYTES,
  combineCrc32,
  CONTENT_BYTES_MAX,
  type Crc32,
  type FramedRecord,
  frameRecord,
  RECORD_PATH_BYTES_MAX,
  type SummedContent,
  type Witness,
} from '@dfs/volume'
import { type BatchFigures } from '../batch-figures.ts'
import { type Tuning } from '../tuning.ts'
import { fromHex } from '../volume/copy-verification.ts'
import { type VolumeCopy } from '../volume/volume-copy.ts'

const QUEUE_RECORDS_MAX = 16_384

// The format of records is a package that knows nothing of the protocol; what one allows the other must hold.
assert(BLOCK_BYTES === BLOCK_SIZE_BYTES, 'records and protocol have one size of blocks')
assert(CONTENT_BYTES_MAX === CHUNK_SIZE_BYTES, 'a chunk of the largest size is one record')
assert(RECORD_PATH_BYTES_MAX === PATH_BYTES_MAX, 'every path fits a header')

export interface OpenVolumeDeps {
  readonly clock: Clock
  readonly transport: Transport
  readonly crc32: Crc32
  readonly tuning: Tuning
  readonly addressOf: (server: number) => string
  /** What this server has seen of the master, for the next record; null if not every server reads it there. */
  readonly witness: () => Witness | null
  readonly figures?: BatchFigures | undefined
  /** A peer that has synced a batch. That it makes an empty copy says nothing yet: its disk may take no records. */
  readonly onPeerSuccess: (server: number) => void
  /** A peer that did not answer, or not well, so that the next volume is placed without it. */
  readonly onPeerFailure: (server: number, error: unknown) => void
}

/** What a record is about, besides where it will stand. */
export interface RecordOrigin {
  readonly requestNumber: number
  readonly start: number
  readonly path: string
}

/** The volume takes no more records from this primary. Nothing that was waiting is acknowledged. */
export class VolumeEndedError extends Error {
  override readonly name = 'VolumeEndedError'
}

interface WaitingRecord extends FramedRecord {
  readonly witness: Witness | null
}

export class OpenVolume {
  readonly order: VolumeOrder
  readonly #copy: VolumeCopy
  readonly #deps: OpenVolumeDeps
  readonly #salt: Uint8Array
  readonly #peers: readonly number[]
  readonly #batcher: Batcher<WaitingRecord, void>
  #nextOffset: number
  #committedEnd = 0
  #ended: VolumeEndedError | null = null

  constructor(order: VolumeOrder, copy: VolumeCopy, deps: OpenVolumeDeps) {
    assert(copy.syncedLength === 0, 'a primary appends to volumes of its own incarnation, from the start')
    this.order = order
    this.#copy = copy
    this.#deps = deps
    this.#salt = fromHex(order.salt)
    this.#peers = order.replicas
      .map(({ server }) => server)
      .filter((server) => server !== order.primary.server)
    this.#nextOffset = 0
    this.#batcher = new Batcher({
      run: (records) => this.#replicate(records),
      gather: () => deps.clock.turn(),
      itemsMax: deps.tuning.batchRecordsMax,
      inFlightMax: 1,
      queueMax: QUEUE_RECORDS_MAX,
      weigh: (record) => record.size,
      weightMax: deps.tuning.batchBytesMax,
      sizes: deps.figures?.records,
    })
  }

  /** Bytes handed out so far: where the next record will start. */
  get length(): number {
    return this.#nextOffset
  }

  get hasEnded(): boolean {
    return this.#ended !== null
  }

  /**
   * Appends one record; resolves when every replica of the set has synced it. The content must not change until then.
   * Rejects with {@link VolumeEndedError}, or with QueueFullError if too many records wait already.
   */
  async append(origin: RecordOrigin, content: SummedContent): Promise<ChunkPlacement> {
    if (this.#ended !== null) throw this.#ended
    const { volume, primary, replicas } = this.order
    const offset = this.#nextOffset
    const witness = this.#deps.witness()
    const record = frameRecord(
      { ...origin, ...primary, volume, offset, committedEnd: this.#committedEnd, witness },
      content,
      { salt: this.#salt, crc32: this.#deps.crc32 },
    )
    // Only once it waits: a record that is refused for lack of room must not leave a hole in the offsets behind it.
    const added = this.#batcher.add({ ...record, witness })
    this.#nextOffset += record.size
    await added
    return {
      volume,
      offset,
      recordSize: record.size,
      length: content.length,
      crc32: content.crc32,
      copies: replicas.length,
    }
  }

  /** A commit of a record that ends here was accepted: later headers carry it along. */
  noteCommitted(end: number): void {
    this.#committedEnd = Math.max(this.#committedEnd, end)
  }

  /** No more records; those waiting fail, and the bytes of a batch under way are nobody's. Idempotent. */
  end(reason: string, cause?: unknown): void {
    this.#ended ??= new VolumeEndedError(`volume ${formatId(this.order.volume)}: ${reason}`, { cause })
  }

  async #replicate(records: WaitingRecord[]): Promise<void[]> {
    if (this.#ended !== null) throw this.#ended
    const offset = this.#copy.syncedLength
    const pieces = records.flatMap((record) => record.pieces)
    const { witness } = records.at(-1)!
    let crc32 = 0
    let size = 0
    for (const record of records) {
      crc32 = combineCrc32(crc32, record.crc32, record.size)
      size += record.size
    }
    this.#deps.figures?.bytes.note(size)
    try {
      await Promise.all([
        withDeadline(this.#deps.clock, this.#deps.tuning.replicationTimeoutMs, () =>
          this.#copy.append({ offset, pieces, byteLength: size, witness }),
        ),
        ...this.#peers.map((peer) => this.#send(peer, { offset, crc32, pieces, size })),
      ])
    } catch (error) {
      this.end('a replica did not sync a batch', error)
    }
    if (this.#ended !== null) throw this.#ended
    return records.map(() => undefined)
  }

  async #send(
    peer: number,
    batch: { offset: number; crc32: number; pieces: readonly Uint8Array[]; size: number },
  ): Promise<void> {
    const { transport, tuning, addressOf, onPeerSuccess, onPeerFailure } = this.#deps
    const { volume, primary } = this.order
    const { offset, crc32, pieces: bytes, size } = batch
    try {
      const request = { volume, ...primary, offset, crc32, bytes }
      const { length } = await callMethod(transport, addressOf(peer), appendRecords, request, {
        timeoutMs: tuning.replicationTimeoutMs,
      })
      if (length !== offset + size) {
        throw new TransportError(`the replica ends at ${length}, not at ${offset + size}`, { wasSent: true })
      }
      onPeerSuccess(peer)
    } catch (error) {
      onPeerFailure(peer, error)
      throw error
    }
  }
}
