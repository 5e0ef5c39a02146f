/**
 * A long body becomes an upload: a run of chunks in a volume of its own, pipelined with reading the body, each staged with
 * the master in order once it is synced. Memory is bounded by the chunks in flight, whatever the size of the body.
 */
import { DfsError, FILE_BYTES_MAX, type RequestContext, type RequestId } from '@dfs/protocol'
import { type WriteRequest } from '@dfs/public-api'
import { combineCrc32, type Crc32, sumContent, type SummedContent } from '@dfs/volume'
import { type BodyReader } from './body-reader.ts'
import { ContentDigests, type CreateHasher } from './content-digests.ts'
import { type RecordCommitter, type RecordTarget } from './record-committer.ts'

/** Chunks of one body that are being replicated while the next one is read. */
export const CHUNKS_IN_FLIGHT = 3

/** What is committed of a file's content besides where it stands. */
export interface Content {
  readonly size: number
  readonly crc32: number
  readonly sha256: Uint8Array | null
}

export interface UploadStagerDeps {
  readonly crc32: Crc32
  readonly createHasher: CreateHasher
  /** The most of a file that becomes one record: the cluster's setting. */
  readonly chunkSizeBytes: () => number
  readonly records: RecordCommitter
}

export interface Upload {
  readonly id: RequestId
  readonly request: WriteRequest
  readonly context: RequestContext
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
  async stage(upload: Upload, body: BodyReader, head: readonly Uint8Array[]): Promise<Content> {
    const { crc32: sum, createHasher, chunkSizeBytes } = this.#deps
    const digests = new ContentDigests(upload.request.digests, createHasher)
    const inFlight: Promise<void>[] = []
    let [size, crc32] = [0, 0]
    try {
      for (let pieces = head, isLast = false; !isLast; pieces = []) {
        const part = await body.read(chunkSizeBytes() - lengthOf(pieces))
        isLast = part.isLast
        const summed = sumContent([...pieces, ...part.pieces], sum)
        if (summed.length === 0) break
        digests.update(summed.pieces)
        inFlight.push(this.#stageAfter(inFlight.at(-1), upload, size, summed))
        size += summed.length
        crc32 = combineCrc32(crc32, summed.crc32, summed.length)
        if (size > FILE_BYTES_MAX)
          throw new DfsError('PAYLOAD_TOO_LARGE', `files have at most ${FILE_BYTES_MAX} bytes`)
        if (inFlight.length > CHUNKS_IN_FLIGHT) await inFlight.shift()
      }
      await inFlight.at(-1)
    } finally {
      await Promise.allSettled(inFlight)
    }
    return { size, crc32, sha256: digests.finish() }
  }

  /** Appends one chunk at once, and stages it when the chunk before it is staged. */
  #stageAfter(
    before: Promise<void> | undefined,
    { id, request, context }: Upload,
    start: number,
    summed: SummedContent,
  ): Promise<void> {
    const target: RecordTarget = { kind: 'large', user: id, path: request.path, start, context }
    const staging = this.#deps.records.store(target, summed, async (record) => {
      await before
      return { kind: 'stage', upload: id, start, chunk: record.placement }
    })
    const done = staging.then(() => undefined)
    // A failure is noticed where it is awaited; until then it must not count as unhandled.
    done.catch(() => undefined)
    return done
  }
}

const lengthOf = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
