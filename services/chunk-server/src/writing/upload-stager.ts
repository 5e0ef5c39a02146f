/**
 * A long body becomes an upload: a run of chunks in a volume of its own, pipelined with reading the body, each staged with
 * the master in order once it is synced. Memory is bounded by the permits for chunks, whatever the size and the number of
 * bodies; a body between two chunks holds neither a permit nor a volume.
 */
import { type Clock } from '@dfs/core'
import {
  continueContext,
  DfsError,
  FILE_BYTES_MAX,
  KIB,
  type RequestContext,
  type CommandId,
  type WriteRequest,
} from '@dfs/protocol'
import { combineCrc32, type Crc32, sumContent, type SummedContent } from '@dfs/volume'
import { type Tuning } from '../tuning.ts'
import { type BodyReader } from './body-reader.ts'
import { type ChunkPermits } from './chunk-permits.ts'
import { ContentDigests, type CreateHasher } from './content-digests.ts'
import { type RecordCommitter, type RecordTarget } from './record-committer.ts'

/** So much of a chunk is gathered before it needs a permit: a client that sends next to nothing holds none. */
const UNPERMITTED_BYTES_MAX = 64 * KIB

/** What is committed of a file's content besides where it stands. */
export interface Content {
  readonly size: number
  readonly crc32: number
  readonly sha256: Uint8Array | null
}

export interface UploadStagerDeps {
  readonly clock: Clock
  readonly crc32: Crc32
  readonly createHasher: CreateHasher
  readonly tuning: Tuning
  /** The most of a file that becomes one record: the cluster's setting. */
  readonly chunkSizeBytes: () => number
  readonly records: RecordCommitter
  readonly permits: ChunkPermits
  /** The upload needs its volume no more, for now. */
  readonly releaseVolume: (upload: CommandId) => void
}

export interface Upload {
  readonly id: CommandId
  readonly request: WriteRequest
  readonly context: RequestContext
}

/** What has become of a whole body. */
export interface Staged {
  readonly content: Content
  /** The request's, its time counted from the last byte. */
  readonly context: RequestContext
}

/** The chunks of one upload that are on their way. */
interface Run {
  readonly upload: Upload
  /** Settles when the latest chunk is staged, and with it all before. */
  last: Promise<void> | undefined
  inFlight: number
}

/** A chunk that is to be staged, within the time of its own context. */
interface ReadChunk {
  readonly start: number
  readonly summed: SummedContent
  readonly context: RequestContext
}

interface GatheredChunk {
  readonly pieces: readonly Uint8Array[]
  readonly isLast: boolean
  /** The request's, its time counted from the last byte of the chunk. */
  readonly context: RequestContext
  readonly release: () => void
}

export class UploadStager {
  readonly #deps: UploadStagerDeps

  constructor(deps: UploadStagerDeps) {
    this.#deps = deps
  }

  /**
   * Reads the body to its end, `head` being what was read of it before; resolves when every chunk is synced and staged.
   * When it rejects, nothing of the upload is under way any more.
   */
  async stage(upload: Upload, body: BodyReader, head: readonly Uint8Array[]): Promise<Staged> {
    const { crc32: sum, createHasher } = this.#deps
    const digests = new ContentDigests(upload.request.digests, createHasher)
    const run: Run = { upload, last: undefined, inFlight: 0 }
    const window: Promise<void>[] = []
    let [size, crc32] = [0, 0]
    let { context } = upload
    try {
      for (let before = head, isLast = false; !isLast; before = []) {
        const chunk = await this.#gather(body, before, context)
        isLast = chunk.isLast
        context = chunk.context
        const summed = sumContent(chunk.pieces, sum)
        digests.update(summed.pieces)
        await this.#placeIn(window, chunk)
        const staging = this.#stageNext(run, { start: size, summed, context }).finally(chunk.release)
        // A failure is noticed where it is awaited; until then it must not count as unhandled.
        staging.catch(() => undefined)
        window.push(staging)
        size += summed.length
        crc32 = combineCrc32(crc32, summed.crc32, summed.length)
        if (size > FILE_BYTES_MAX)
          throw new DfsError('PAYLOAD_TOO_LARGE', `files have at most ${FILE_BYTES_MAX} bytes`)
      }
      await window.at(-1)
    } finally {
      await Promise.allSettled(window)
    }
    return { content: { size, crc32, sha256: digests.finish() }, context }
  }

  /** Waits until one more chunk may be on its way. If that fails, this one is given up. */
  async #placeIn(window: Promise<void>[], chunk: GatheredChunk): Promise<void> {
    if (window.length < this.#deps.tuning.chunksInFlightMax) return
    try {
      await window.shift()
    } catch (error) {
      chunk.release()
      throw error
    }
  }

  /** The next chunk, with the permit that it is held under. Smaller than it could be if others wait for a permit. */
  async #gather(
    body: BodyReader,
    before: readonly Uint8Array[],
    context: RequestContext,
  ): Promise<GatheredChunk> {
    const { clock, permits, chunkSizeBytes } = this.#deps
    const most = chunkSizeBytes()
    const first = await body.read(Math.max(0, Math.min(most, UNPERMITTED_BYTES_MAX) - lengthOf(before)))
    const pieces = [...before, ...first.pieces]
    const permit = await permits.acquire(continueContext(clock, context))
    try {
      const room = most - lengthOf(pieces)
      const rest = first.isLast || room <= 0 ? null : await body.read(room, permit.hurry)
      permit.gathered()
      return {
        pieces: rest === null ? pieces : [...pieces, ...rest.pieces],
        isLast: first.isLast || rest?.isLast === true,
        context: continueContext(clock, context),
        release: () => permit.release(),
      }
    } catch (error) {
      permit.release()
      throw error
    }
  }

  /** Stores one chunk behind those of the run before it; nothing if it is empty. */
  async #stageNext(run: Run, chunk: ReadChunk): Promise<void> {
    if (chunk.summed.length === 0) return run.last
    run.inFlight += 1
    run.last = this.#stageAfter(run.last, run.upload, chunk).finally(() => {
      run.inFlight -= 1
      if (run.inFlight === 0) this.#deps.releaseVolume(run.upload.id)
    })
    return run.last
  }

  /** Appends one chunk at once, and stages it when the chunk before it is staged. */
  async #stageAfter(
    before: Promise<void> | undefined,
    { id, request }: Upload,
    { start, summed, context }: ReadChunk,
  ): Promise<void> {
    const target: RecordTarget = { kind: 'large', user: id, path: request.path, start, context }
    await this.#deps.records.store(target, summed, async (record) => {
      await before
      return { kind: 'stage', upload: id, start, chunk: record.placement }
    })
  }
}

const lengthOf = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
