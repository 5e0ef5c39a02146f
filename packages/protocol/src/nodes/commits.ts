/** Commits: how batches of commands and their results travel. Hot ones have a compact binary form, the others JSON inside of it. */
import { ByteReader, ByteWriter, concatBytes, MalformedError } from '@dfs/core'
import { isErrorCode } from '../errors.ts'
import { type Epoch, type CommandId } from '../ids.ts'
import { type FilePath } from '../path.ts'
import {
  type ChunkPlacement,
  type Command,
  type CommandResult,
  failure,
  type Precondition,
  UNCONDITIONAL,
  type WriteCommand,
} from './commands.ts'
import { type Method } from './method.ts'

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
/** As a write, behind its ticket: a master that gives out none is never sent one. */
const PASSED_WRITE = 4

function encodeCommand(writer: ByteWriter, command: Command): void {
  switch (command.kind) {
    case 'write':
      writer.u8(command.ticket === undefined ? WRITE : PASSED_WRITE)
      if (command.ticket !== undefined) writer.integer(command.ticket.epoch).integer(command.ticket.number)
      encodeCommandId(writer, command.id).text(command.path).text(encodeCondition(command.precondition))
      writer.text(command.contentType).u8(command.executable ? 1 : 0)
      writer.integer(command.size).u32(command.crc32).bytes(command.sha256)
      writer.u8(command.chunk === null ? 0 : 1)
      if (command.chunk !== null) encodeChunk(writer, command.chunk)
      writer.u8(command.upload === null ? 0 : 1)
      if (command.upload !== null) encodeCommandId(writer, command.upload)
      writer.text(command.key ?? null)
      return
    case 'stage':
      encodeCommandId(encodeCommandId(writer.u8(STAGE), command.id), command.upload).integer(command.start)
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
      return decodeWrite(reader)
    case PASSED_WRITE: {
      const ticket = { epoch: reader.integer(), number: reader.integer() }
      return { ...decodeWrite(reader), ticket }
    }
    case STAGE:
      return {
        kind: 'stage',
        id: decodeCommandId(reader),
        upload: decodeCommandId(reader),
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

function decodeWrite(reader: ByteReader): WriteCommand {
  const command = {
    kind: 'write',
    id: decodeCommandId(reader),
    path: reader.string() as FilePath,
    precondition: decodeCondition(reader.text()),
    contentType: reader.string(),
    executable: reader.u8() === 1,
    size: reader.integer(),
    crc32: reader.u32(),
    sha256: reader.bytes(),
    chunk: reader.u8() === 0 ? null : decodeChunk(reader),
    upload: reader.u8() === 0 ? null : decodeCommandId(reader),
  } as const
  const key = reader.text()
  return key === null ? command : { ...command, key }
}

const encodeCommandId = (writer: ByteWriter, id: CommandId): ByteWriter =>
  writer.integer(id.server).integer(id.incarnation).integer(id.number)

const decodeCommandId = (reader: ByteReader): CommandId => ({
  server: reader.integer(),
  incarnation: reader.integer(),
  number: reader.integer(),
})

/** Most writes have no condition: they cost four bytes. */
const encodeCondition = (precondition: Precondition): string | null =>
  precondition.ifMatch === null &&
  precondition.ifNoneMatch === null &&
  !precondition.mustCreate &&
  precondition.unmodifiedSinceMs === undefined
    ? null
    : JSON.stringify(precondition)

const decodeCondition = (text: string | null): Precondition =>
  text === null ? UNCONDITIONAL : (JSON.parse(text) as Precondition)

/** The bits of a result's first byte. */
const OK = 1
const REPLAY = 2

export function encodeResult(writer: ByteWriter, result: CommandResult): void {
  writer.u8((result.ok ? OK : 0) | (result.isReplay === true ? REPLAY : 0))
  if (result.ok) {
    writer
      .integer(result.operation)
      .integer(result.entry)
      .integer(result.decidedMs)
      .u8(result.created ? 1 : 0)
      .u8(result.copies)
      .u8(result.zones)
  } else {
    writer.text(result.code).text(result.detail)
  }
}

export function decodeResult(reader: ByteReader): CommandResult {
  const bits = reader.u8()
  const replay = (bits & REPLAY) === 0 ? null : { isReplay: true }
  if ((bits & OK) !== 0) {
    return {
      ok: true,
      operation: reader.integer(),
      entry: reader.integer(),
      decidedMs: reader.integer(),
      created: reader.u8() === 1,
      copies: reader.u8(),
      zones: reader.u8(),
      ...replay,
    }
  }
  const code = reader.string()
  if (!isErrorCode(code)) throw new MalformedError(`no such error code: ${code}`)
  return { ...failure(code, reader.string()), ...replay }
}
