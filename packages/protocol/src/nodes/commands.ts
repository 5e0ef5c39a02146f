/**
 * Commands: everything that changes metadata. They travel in batches, are decided one after the other in one
 * transaction, and one failure does not undo its neighbours.
 */
import { ByteReader, ByteWriter, concatBytes, MalformedError } from '@dfs/core'
import { DfsError, type ErrorCode, isErrorCode } from '../errors.ts'
import { type Epoch, type RequestId } from '../ids.ts'
import { type FilePath } from '../path.ts'
import { type Method } from './method.ts'

/** Where one chunk of a file stands: one record in one volume. */
export interface ChunkPlacement {
  readonly volume: number
  /** Where the record starts in its volume. */
  readonly offset: number
  /** Bytes of the whole record, header included. */
  readonly recordSize: number
  /** Bytes of the file that it holds. */
  readonly length: number
  readonly crc32: number
  /** Copies that were synced when it was appended. */
  readonly copies: number
}

/** Version ids, or `*` for any. */
export type EtagCondition = '*' | readonly number[] | null

/** HTTP's preconditions (RFC 9110 §13), decided in the commit's transaction. All must hold. */
export interface Precondition {
  /** The current version must be one of these; PRECONDITION_FAILED otherwise. */
  readonly ifMatch: EtagCondition
  /** The current version must be none of these; PRECONDITION_FAILED otherwise. */
  readonly ifNoneMatch: EtagCondition
  /** Nothing may exist at the path; FILE_EXISTS otherwise. */
  readonly mustCreate: boolean
}

export const UNCONDITIONAL: Precondition = Object.freeze({
  ifMatch: null,
  ifNoneMatch: null,
  mustCreate: false,
})

/** A new version of a file; missing parent directories are made. */
export interface WriteCommand {
  readonly kind: 'write'
  readonly id: RequestId
  readonly path: FilePath
  readonly precondition: Precondition
  readonly contentType: string
  readonly executable: boolean
  readonly size: number
  readonly crc32: number
  readonly sha256: Uint8Array | null
  /** The only chunk of a short file. */
  readonly chunk: ChunkPlacement | null
  /** The upload under which a long file's chunks were staged. Both are null for an empty file. */
  readonly upload: RequestId | null
}

/** One more chunk of the large write `upload`. Accepted in order only: `start` must be the end of what is staged. */
export interface StageCommand {
  readonly kind: 'stage'
  readonly id: RequestId
  /**
   * Names the upload: the id of the first stage command. It is not the id of the final {@link WriteCommand}, so that a
   * long upload does not keep the watermark of all others down.
   */
  readonly upload: RequestId
  readonly start: number
  readonly chunk: ChunkPlacement
}

/** Drops what was staged under `upload`; its bytes become garbage. */
export interface AbandonCommand {
  readonly kind: 'abandon'
  readonly id: RequestId
  readonly upload: RequestId
}

/** A file or link goes to the trash. */
export interface DeleteCommand {
  readonly kind: 'delete'
  readonly id: RequestId
  readonly path: FilePath
  readonly precondition: Precondition
}

/** Renames a file, link or directory. A file or link at the target is replaced (it goes to the trash). */
export interface MoveCommand {
  readonly kind: 'move'
  readonly id: RequestId
  readonly from: FilePath
  readonly to: FilePath
}

/** Makes a directory and its parents; no error when it exists. */
export interface MakeDirectoryCommand {
  readonly kind: 'makeDirectory'
  readonly id: RequestId
  readonly path: FilePath
}

/** A directory goes to the trash, with all that is in it where `recursive`. */
export interface DeleteDirectoryCommand {
  readonly kind: 'deleteDirectory'
  readonly id: RequestId
  readonly path: FilePath
  readonly recursive: boolean
}

/** A symbolic link; it replaces a link, nothing else. */
export interface LinkCommand {
  readonly kind: 'link'
  readonly id: RequestId
  readonly path: FilePath
  readonly target: string
}

export type Command =
  | WriteCommand
  | StageCommand
  | AbandonCommand
  | DeleteCommand
  | MoveCommand
  | MakeDirectoryCommand
  | DeleteDirectoryCommand
  | LinkCommand

/** A command without its id, which the session that sends it gives. */
export type CommandBody = Command extends infer C ? (C extends Command ? Omit<C, 'id'> : never) : never

export interface CommandSuccess {
  readonly ok: true
  /** What the change is known by afterwards. For a write it is also the version's id. */
  readonly operation: number
  /** The file, directory or link that was changed; 0 for a stage or abandon command. */
  readonly entry: number
  /** When it was decided, by the master's wall clock: a label. */
  readonly decidedMs: number
  /** Whether the path was new. */
  readonly created: boolean
  /** The receipt: copies of the weakest chunk still good at the commit, and the zones they are spread over. 0 where no bytes are meant. */
  readonly copies: number
  readonly zones: number
}

export interface CommandFailure {
  readonly ok: false
  readonly code: ErrorCode
  readonly detail: string
}

export type CommandResult = CommandSuccess | CommandFailure

export const failure = (code: ErrorCode, detail: string): CommandFailure => ({ ok: false, code, detail })

/** The success, or the failure thrown as {@link DfsError}. */
export function requireSuccess(result: CommandResult): CommandSuccess {
  if (!result.ok) throw new DfsError(result.code, result.detail)
  return result
}

export interface CommitRequest {
  readonly server: number
  readonly incarnation: number
  /** Results of this incarnation's requests below this number were received; the master may forget them. */
  readonly watermark: number
  readonly commands: readonly Command[]
}

export interface CommitReply {
  readonly epoch: Epoch
  readonly results: readonly CommandResult[]
}

/** Chunk server to master: decide these commands; answered when the transaction is durable. */
export const commits: Method<CommitRequest, CommitReply> = {
  route: 'POST /v1/commits',
  encodeRequest(request) {
    const writer = new ByteWriter(64 + request.commands.length * 256)
    writer.integer(request.server).integer(request.incarnation).integer(request.watermark)
    writer.u32(request.commands.length)
    for (const command of request.commands) encodeCommand(writer, command)
    return { params: {}, body: [writer.finish()] }
  },
  decodeRequest(_params, body) {
    const reader = new ByteReader(concatBytes(body))
    const head = { server: reader.integer(), incarnation: reader.integer(), watermark: reader.integer() }
    return { ...head, commands: Array.from({ length: reader.u32() }, () => decodeCommand(reader)) }
  },
  encodeReply(reply) {
    const writer = new ByteWriter(64 + reply.results.length * 40)
    encodeEpoch(writer, reply.epoch).u32(reply.results.length)
    for (const result of reply.results) encodeResult(writer, result)
    return [writer.finish()]
  },
  decodeReply(body) {
    const reader = new ByteReader(concatBytes(body))
    const epoch = decodeEpoch(reader)
    return { epoch, results: Array.from({ length: reader.u32() }, () => decodeResult(reader)) }
  },
}

export const encodeEpoch = (writer: ByteWriter, epoch: Epoch): ByteWriter =>
  writer.integer(epoch.counter).text(epoch.nonce).integer(epoch.sequence)

export const decodeEpoch = (reader: ByteReader): Epoch => ({
  counter: reader.integer(),
  nonce: reader.string(),
  sequence: reader.integer(),
})

export const encodeChunk = (writer: ByteWriter, chunk: ChunkPlacement): ByteWriter =>
  writer
    .integer(chunk.volume)
    .integer(chunk.offset)
    .u32(chunk.recordSize)
    .u32(chunk.length)
    .u32(chunk.crc32)
    .u8(chunk.copies)

export const decodeChunk = (reader: ByteReader): ChunkPlacement => ({
  volume: reader.integer(),
  offset: reader.integer(),
  recordSize: reader.u32(),
  length: reader.u32(),
  crc32: reader.u32(),
  copies: reader.u8(),
})

const WRITE = 1
const STAGE = 2
const OTHER = 3

function encodeCommand(writer: ByteWriter, command: Command): void {
  switch (command.kind) {
    case 'write':
      writer.u8(WRITE)
      encodeRequestId(writer, command.id).text(command.path).text(encodeCondition(command.precondition))
      writer.text(command.contentType).u8(command.executable ? 1 : 0)
      writer.integer(command.size).u32(command.crc32).bytes(command.sha256)
      writer.u8(command.chunk === null ? 0 : 1)
      if (command.chunk !== null) encodeChunk(writer, command.chunk)
      writer.u8(command.upload === null ? 0 : 1)
      if (command.upload !== null) encodeRequestId(writer, command.upload)
      return
    case 'stage':
      encodeRequestId(encodeRequestId(writer.u8(STAGE), command.id), command.upload).integer(command.start)
      encodeChunk(writer, command.chunk)
      return
    default:
      writer.u8(OTHER).text(JSON.stringify(command))
  }
}

function decodeCommand(reader: ByteReader): Command {
  const tag = reader.u8()
  switch (tag) {
    case WRITE:
      return {
        kind: 'write',
        id: decodeRequestId(reader),
        path: reader.string() as FilePath,
        precondition: decodeCondition(reader.text()),
        contentType: reader.string(),
        executable: reader.u8() === 1,
        size: reader.integer(),
        crc32: reader.u32(),
        sha256: reader.bytes(),
        chunk: reader.u8() === 0 ? null : decodeChunk(reader),
        upload: reader.u8() === 0 ? null : decodeRequestId(reader),
      }
    case STAGE:
      return {
        kind: 'stage',
        id: decodeRequestId(reader),
        upload: decodeRequestId(reader),
        start: reader.integer(),
        chunk: decodeChunk(reader),
      }
    case OTHER:
      // Written by encodeCommand of a node that proved knowledge of the cluster key.
      return JSON.parse(reader.string()) as Command
    default:
      throw new MalformedError(`no such command: ${tag}`)
  }
}

const encodeRequestId = (writer: ByteWriter, id: RequestId): ByteWriter =>
  writer.integer(id.server).integer(id.incarnation).integer(id.number)

const decodeRequestId = (reader: ByteReader): RequestId => ({
  server: reader.integer(),
  incarnation: reader.integer(),
  number: reader.integer(),
})

/** Most writes have no condition: they cost four bytes. */
const encodeCondition = (precondition: Precondition): string | null =>
  precondition.ifMatch === null && precondition.ifNoneMatch === null && !precondition.mustCreate
    ? null
    : JSON.stringify(precondition)

const decodeCondition = (text: string | null): Precondition =>
  text === null ? UNCONDITIONAL : (JSON.parse(text) as Precondition)

export function encodeResult(writer: ByteWriter, result: CommandResult): void {
  if (result.ok) {
    writer
      .u8(1)
      .integer(result.operation)
      .integer(result.entry)
      .integer(result.decidedMs)
      .u8(result.created ? 1 : 0)
      .u8(result.copies)
      .u8(result.zones)
  } else {
    writer.u8(0).text(result.code).text(result.detail)
  }
}

export function decodeResult(reader: ByteReader): CommandResult {
  if (reader.u8() === 1) {
    return {
      ok: true,
      operation: reader.integer(),
      entry: reader.integer(),
      decidedMs: reader.integer(),
      created: reader.u8() === 1,
      copies: reader.u8(),
      zones: reader.u8(),
    }
  }
  const code = reader.string()
  if (!isErrorCode(code)) throw new MalformedError(`no such error code: ${code}`)
  return failure(code, reader.string())
}
