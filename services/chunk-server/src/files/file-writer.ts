/**
 * Writing a file. A short body is one record in a volume for small writes and one command. A longer one is a run of chunks
 * in volumes of their own, pipelined with reading the body and staged in order as an upload, which one last command makes
 * visible. Either way: first the bytes are synced on every replica, then one transaction of the master shows them.
 *
 * Where a volume ends in between, the same content goes to the next volume: the bytes are kept until the request is
 * answered (R1). Memory is bounded: a few chunks a request, and a limited number of long bodies at once.
 */
import { assert, type Clock, type Log, Semaphore } from '@dfs/core'
import {
  type CommandBody,
  type CommandResult,
  type CommandSuccess,
  DfsError,
  FILE_BYTES_MAX,
  formatId,
  REQUEST_DEADLINE_MS,
  type RequestId,
  requireSuccess,
  SMALL_WRITE_BYTES_MAX,
  type VolumeKind,
} from '@dfs/protocol'
import { type BodySource, type WriteReply, type WriteRequest } from '@dfs/public-api'
import { combineCrc32, type Crc32, sumContent, type SummedContent } from '@dfs/volume'
import { type CommitChannel } from '../master/commit-channel.ts'
import { type AppendedRecord, type VolumePool, type VolumeUser } from '../replication/volume-pool.ts'
import { BodyReader } from './body-reader.ts'
import { ContentDigests, type CreateHasher } from './content-digests.ts'

/** Chunks of one body that are being replicated while the next one is read. */
const CHUNKS_IN_FLIGHT = 3
/** Long bodies at once: together with the line above this bounds the memory of a server, 8 × 4 × 4 MiB. */
const LONG_BODIES_MAX = 8
const LONG_BODIES_WAITING_MAX = 1000

export interface FileWriterDeps {
  readonly clock: Clock
  readonly log: Log
  readonly crc32: Crc32
  readonly createHasher: CreateHasher
  /** The most of a file that becomes one record: the cluster's setting. */
  readonly chunkSizeBytes: () => number
  readonly pool: VolumePool
  readonly commits: CommitChannel
}

/** Where a record goes, and what it is about. */
interface Target {
  readonly kind: VolumeKind
  readonly user: VolumeUser
  readonly path: string
  /** Its first byte in the file. */
  readonly start: number
}

/** What is committed of the content besides where it stands. */
interface Content {
  readonly size: number
  readonly crc32: number
  readonly sha256: Uint8Array | null
}

export class FileWriter {
  readonly #deps: FileWriterDeps
  readonly #longBodies = new Semaphore(LONG_BODIES_MAX, LONG_BODIES_WAITING_MAX)
  /** All short writes share a volume. */
  readonly #shortWrites: VolumeUser = {}

  constructor(deps: FileWriterDeps) {
    this.#deps = deps
  }

  /** See `FileService.write`. */
  async write(request: WriteRequest, body: BodySource): Promise<WriteReply> {
    const shortMax = Math.min(SMALL_WRITE_BYTES_MAX, this.#deps.chunkSizeBytes())
    const isSurelyLong = (request.declaredSize ?? 0) > shortMax
    if (isSurelyLong) return this.#longBodies.run(() => this.#writeLong(request, new BodyReader(body), []))
    const reader = new BodyReader(body)
    const first = await reader.read(shortMax)
    if (first.isLast) return this.#writeShort(request, first.pieces)
    return this.#longBodies.run(() => this.#writeLong(request, reader, first.pieces))
  }

  async #writeShort(request: WriteRequest, pieces: readonly Uint8Array[]): Promise<WriteReply> {
    const digests = new ContentDigests(request.digests, this.#deps.createHasher)
    digests.update(pieces)
    const sha256 = digests.finish()
    const summed = sumContent(pieces, this.#deps.crc32)
    const content: Content = { size: summed.length, crc32: summed.crc32, sha256 }
    if (summed.length === 0) {
      const result = await this.#deps.commits.execute(
        writeCommand(request, content, { chunk: null, upload: null }),
      )
      return this.#reply(request, content, requireSuccess(result))
    }
    const target = { kind: 'small', user: this.#shortWrites, path: request.path, start: 0 } as const
    const success = await this.#store(target, summed, (record) =>
      writeCommand(request, content, { chunk: record.placement, upload: null }),
    )
    return this.#reply(request, content, success)
  }

  async #writeLong(
    request: WriteRequest,
    reader: BodyReader,
    head: readonly Uint8Array[],
  ): Promise<WriteReply> {
    const { commits } = this.#deps
    const uploadNumber = commits.reserve()
    const upload = commits.idOf(uploadNumber)
    commits.release(uploadNumber)
    try {
      const content = await this.#stageAll(request, reader, { head, upload })
      const result = await commits.execute(writeCommand(request, content, { chunk: null, upload }))
      return this.#reply(request, content, requireSuccess(result))
    } catch (error) {
      this.#abandon(upload)
      throw error
    } finally {
      this.#deps.pool.release('large', upload)
    }
  }

  /** Reads the body to its end; resolves when every chunk is synced and staged. */
  async #stageAll(
    request: WriteRequest,
    reader: BodyReader,
    { head, upload }: { head: readonly Uint8Array[]; upload: RequestId },
  ): Promise<Content> {
    const digests = new ContentDigests(request.digests, this.#deps.createHasher)
    const inFlight: Promise<void>[] = []
    let [size, crc32] = [0, 0]
    try {
      for (let pieces = head, isLast = false; !isLast; pieces = []) {
        const part = await reader.read(this.#deps.chunkSizeBytes() - lengthOf(pieces))
        isLast = part.isLast
        const summed = sumContent([...pieces, ...part.pieces], this.#deps.crc32)
        if (summed.length === 0) break
        digests.update(summed.pieces)
        const origin = { path: request.path, start: size }
        const before = inFlight.at(-1) ?? Promise.resolve()
        const staging = this.#stageChunk(origin, summed, { upload, before })
        // A failure is noticed where it is awaited; until then it must not count as unhandled.
        staging.catch(() => undefined)
        inFlight.push(staging)
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

  /** Appends one chunk at once, and stages it when all chunks before it are. */
  async #stageChunk(
    origin: { path: string; start: number },
    summed: SummedContent,
    { upload, before }: { upload: RequestId; before: Promise<void> },
  ): Promise<void> {
    await this.#store({ kind: 'large', user: upload, ...origin }, summed, async (record) => {
      await before
      return { kind: 'stage', upload, start: origin.start, chunk: record.placement }
    })
  }

  /**
   * Appends content and submits the command that names it, until the master has decided. A volume that ended before the
   * commit, or a record that others have overtaken there, costs another round under a new number: the refusal is definite.
   */
  async #store(
    { kind, user, ...origin }: Target,
    summed: SummedContent,
    command: (record: AppendedRecord) => CommandBody | Promise<CommandBody>,
  ): Promise<CommandSuccess> {
    const { clock, pool, commits } = this.#deps
    const deadlineMs = clock.monotonicMs() + REQUEST_DEADLINE_MS
    for (;;) {
      const number = commits.reserve()
      try {
        const record = await pool.append(kind, user, { ...origin, requestNumber: number }, summed)
        const result = await this.#commit(record, command, number)
        if (result.ok || !PLACEMENT_REFUSALS.has(result.code)) return requireSuccess(result)
        if (clock.monotonicMs() >= deadlineMs)
          throw new DfsError('COPY_ERROR', 'volumes keep ending before the commit')
      } finally {
        commits.release(number)
      }
    }
  }

  async #commit(
    record: AppendedRecord,
    command: (record: AppendedRecord) => CommandBody | Promise<CommandBody>,
    number: number,
  ): Promise<CommandResult> {
    let result: CommandResult
    try {
      result = await this.#deps.commits.submit(await command(record), number)
    } catch (error) {
      record.settle(false)
      throw error
    }
    if (!result.ok && result.code === 'VOLUME_SEALED') record.refuse(result.detail)
    else record.settle(result.ok)
    return result
  }

  /** Nothing will refer to what was staged: the master may forget it. Where that fails, the upload expires by itself. */
  #abandon(upload: RequestId): void {
    this.#deps.commits.execute({ kind: 'abandon', upload }).catch((error: unknown) => {
      this.#deps.log.warn({ upload, err: error }, 'an upload could not be abandoned')
    })
  }

  #reply(request: WriteRequest, content: Content, success: CommandSuccess): WriteReply {
    assert(success.operation > 0, 'a write has a version')
    const { operation, entry, decidedMs, created, copies, zones } = success
    const { contentType, executable } = request
    this.#deps.log.debug({ path: request.path, version: formatId(operation), copies }, 'written')
    return {
      info: {
        kind: 'file',
        file: entry,
        version: operation,
        ...content,
        contentType,
        executable,
        modifiedMs: decidedMs,
        copies,
        zones,
      },
      created,
      operation,
      copies,
      zones,
    }
  }
}

/** Refusals that have to do with where the record stands, not with what was asked. */
const PLACEMENT_REFUSALS: ReadonlySet<string> = new Set(['VOLUME_SEALED', 'OFFSET_CONFLICT'])

const lengthOf = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((sum, piece) => sum + piece.byteLength, 0)

function writeCommand(
  request: WriteRequest,
  content: Content,
  place: Pick<Extract<CommandBody, { kind: 'write' }>, 'chunk' | 'upload'>,
): CommandBody {
  const { path, precondition, contentType, executable } = request
  return { kind: 'write', path, precondition, contentType, executable, ...content, ...place }
}
