/**
 * Writing a file. A short body is one record in the volume that all short writes share, and one command. A longer one is an
 * upload, which one last command makes visible. Either way: first the bytes are synced on every replica, then one
 * transaction of the master shows them. Memory is bounded for all short bodies together (short-bodies.ts), and by the permits
 * for chunks of long ones (chunk-permits.ts).
 */
import { assert, type Clock, type Log } from '@dfs/core'
import {
  type BodySource,
  type CommandBody,
  type CommandSuccess,
  continueContext,
  formatId,
  openContext,
  type RequestContext,
  type CommandId,
  requireSuccess,
  SMALL_WRITE_BYTES_MAX,
  type WriteReply,
  writeReply,
  type WriteRequest,
} from '@dfs/protocol'
import { type Crc32, sumContent } from '@dfs/volume'
import { type CommitChannel } from '../master/commit-channel.ts'
import { type VolumePool, type VolumeUser } from '../replication/volume-pool.ts'
import { BodyReader } from './body-reader.ts'
import { ContentDigests, type CreateHasher } from './content-digests.ts'
import { type RecordCommitter } from './record-committer.ts'
import { type ShortBodies } from './short-bodies.ts'
import { type Content, type UploadStager } from './upload-stager.ts'

export interface FileWriterDeps {
  readonly clock: Clock
  readonly log: Log
  readonly crc32: Crc32
  readonly createHasher: CreateHasher
  readonly chunkSizeBytes: () => number
  readonly pool: VolumePool
  readonly commits: CommitChannel
  readonly records: RecordCommitter
  readonly uploads: UploadStager
  readonly shortBodies: ShortBodies
}

/** What a client wants, and by which id the logs know it. */
interface Asked {
  readonly request: WriteRequest
  readonly context: RequestContext
}

export class FileWriter {
  readonly #deps: FileWriterDeps
  /** All short writes share a volume. */
  readonly #shortWrites: VolumeUser = {}

  constructor(deps: FileWriterDeps) {
    this.#deps = deps
  }

  /** See `FileService.write`. */
  async write(request: WriteRequest, body: BodySource, opened: RequestContext): Promise<WriteReply> {
    const { clock, chunkSizeBytes, shortBodies } = this.#deps
    const shortMax = Math.min(SMALL_WRITE_BYTES_MAX, chunkSizeBytes())
    if ((request.declaredSize ?? 0) > shortMax) {
      return this.#writeLong({ request, context: opened }, new BodyReader(body), [])
    }
    const held = shortBodies.hold(body)
    try {
      const reader = new BodyReader(held)
      const first = await reader.read(shortMax)
      const asked = { request, context: continueContext(clock, opened) }
      if (first.isLast) return await this.#writeShort(asked, first.pieces)
      // From here on it is bounded as long bodies are.
      held.release()
      return await this.#writeLong(asked, reader, first.pieces)
    } finally {
      held.release()
    }
  }

  async #writeShort({ request, context }: Asked, pieces: readonly Uint8Array[]): Promise<WriteReply> {
    const { createHasher, crc32, commits, records } = this.#deps
    const digests = new ContentDigests(request.digests, createHasher)
    digests.update(pieces)
    const summed = sumContent(pieces, crc32)
    const content: Content = { size: summed.length, crc32: summed.crc32, sha256: digests.finish() }
    if (summed.length === 0) {
      const command = writeCommand(request, content, { chunk: null, upload: null })
      return this.#reply(request, content, requireSuccess(await commits.execute(command, context)))
    }
    const target = { kind: 'small', user: this.#shortWrites, path: request.path, start: 0, context } as const
    const success = await records.store(target, summed, ({ placement }) =>
      writeCommand(request, content, { chunk: placement, upload: null }),
    )
    return this.#reply(request, content, success)
  }

  async #writeLong(
    { request, context }: Asked,
    reader: BodyReader,
    head: readonly Uint8Array[],
  ): Promise<WriteReply> {
    const { commits, uploads, pool } = this.#deps
    const id = this.#newUploadId()
    try {
      const { content, context: whole } = await uploads.stage({ id, request, context }, reader, head)
      const command = writeCommand(request, content, { chunk: null, upload: id })
      const success = requireSuccess(await commits.execute(command, whole))
      // The file is what an earlier request has stored; of this one nothing is needed.
      if (success.isReplay === true) this.#abandon(id, context)
      return this.#reply(request, content, success)
    } catch (error) {
      this.#abandon(id, context)
      throw error
    } finally {
      pool.release('large', id)
    }
  }

  /** A number that no command will have: the name of an upload. */
  #newUploadId(): CommandId {
    const { commits } = this.#deps
    const number = commits.reserve()
    commits.release(number)
    return commits.idOf(number)
  }

  /** Nothing will refer to what was staged: the master may forget it. If that fails, this server's next start ends it. */
  #abandon(upload: CommandId, { requestId }: RequestContext): void {
    const { clock, commits, log } = this.#deps
    // A task of its own: the client may have left, or its time have passed.
    commits.execute({ kind: 'abandon', upload }, openContext(clock, requestId)).catch((error: unknown) => {
      log.warn({ upload, err: error }, 'an upload could not be abandoned')
    })
  }

  #reply(request: WriteRequest, content: Content, success: CommandSuccess): WriteReply {
    assert(success.operation > 0, 'a write has a version')
    const reply = writeReply({ ...content, ...request }, success)
    const { operation, copies } = success
    this.#deps.log.debug({ path: request.path, version: formatId(operation), copies }, 'written')
    return reply
  }
}

function writeCommand(
  request: WriteRequest,
  content: Content,
  place: Pick<Extract<CommandBody, { kind: 'write' }>, 'chunk' | 'upload'>,
): CommandBody {
  const { path, precondition, contentType, executable, key, ticket } = request
  return {
    kind: 'write',
    path,
    precondition,
    contentType,
    executable,
    ...content,
    ...place,
    ...(key === undefined ? null : { key }),
    ...(ticket === undefined ? null : { ticket }),
  }
}
