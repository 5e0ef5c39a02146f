/** Look-ups: what stands at a path, and where its bytes are. They travel in batches, as commands do. */
import { ByteReader, ByteWriter, concatBytes, MalformedError } from '@dfs/core'
import { type ErrorCode, isErrorCode } from '../errors.ts'
import { type Epoch } from '../ids.ts'
import { type FilePath } from '../path.ts'
import { type ChunkPlacement } from './commands.ts'
import { decodeChunk, decodeEpoch, encodeChunk, encodeEpoch } from './commits.ts'
import { type Method } from './method.ts'

/** By path, or one more page of the chunks of a version that an earlier look-up has named. */
export type Lookup =
  | {
      readonly by: 'path'
      readonly path: FilePath
      /** An older version of the file, or null for the current one. */
      readonly version: number | null
      /** The chunks wanted start with the one that holds this byte. */
      readonly fromByte: number
      /** 0 if only the attributes are wanted. */
      readonly chunksMax: number
    }
  | {
      readonly by: 'version'
      readonly file: number
      readonly version: number
      readonly fromByte: number
      readonly chunksMax: number
    }

/** A chunk of a version: where its bytes start in the file, and where its record stands. */
export interface LocatedChunk extends ChunkPlacement {
  readonly start: number
}

export interface FileInfo {
  readonly kind: 'file'
  readonly file: number
  readonly version: number
  readonly size: number
  readonly crc32: number
  readonly sha256: Uint8Array | null
  readonly contentType: string
  readonly executable: boolean
  /** When this version was committed, by the master's wall clock. */
  readonly modifiedMs: number
  /** The receipt that was given for it. */
  readonly copies: number
  readonly zones: number
}

export interface FoundFile {
  readonly kind: 'file'
  readonly info: FileInfo
  readonly chunks: readonly LocatedChunk[]
  /** For each volume among the chunks: the ids of servers with a usable copy, best first. */
  readonly locations: ReadonlyMap<number, readonly number[]>
}

export type LookupResult =
  | FoundFile
  | { readonly kind: 'directory'; readonly modifiedMs: number }
  | { readonly kind: 'link'; readonly version: number; readonly target: string; readonly modifiedMs: number }
  /** FILE_NOT_FOUND if nothing is there, NOT_A_DIRECTORY if a parent is a file. */
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly detail: string }

export interface LookupsReply {
  readonly epoch: Epoch
  readonly results: readonly LookupResult[]
}

/** Chunk server to master: answer these look-ups from the committed state. */
export const lookups: Method<readonly Lookup[], LookupsReply> = {
  route: 'POST /v1/lookups',
  encodeRequest(requests) {
    const writer = new ByteWriter(16 + requests.length * 96).u32(requests.length)
    for (const request of requests) encodeLookup(writer, request)
    return { params: {}, body: [writer.finish()] }
  },
  decodeRequest(_params, body) {
    const reader = new ByteReader(concatBytes(body))
    return Array.from({ length: reader.u32() }, () => decodeLookup(reader))
  },
  encodeReply(reply) {
    const writer = encodeEpoch(new ByteWriter(64 + reply.results.length * 192), reply.epoch)
    writer.u32(reply.results.length)
    for (const result of reply.results) encodeResult(writer, result)
    return [writer.finish()]
  },
  decodeReply(body) {
    const reader = new ByteReader(concatBytes(body))
    const epoch = decodeEpoch(reader)
    return { epoch, results: Array.from({ length: reader.u32() }, () => decodeResult(reader)) }
  },
}

function encodeLookup(writer: ByteWriter, request: Lookup): void {
  if (request.by === 'path')
    writer
      .u8(0)
      .text(request.path)
      .integer(request.version ?? 0)
  else writer.u8(1).integer(request.file).integer(request.version)
  writer.integer(request.fromByte).u32(request.chunksMax)
}

function decodeLookup(reader: ByteReader): Lookup {
  if (reader.u8() === 0) {
    const path = reader.string() as FilePath
    const version = reader.integer()
    return {
      by: 'path',
      path,
      version: version === 0 ? null : version,
      fromByte: reader.integer(),
      chunksMax: reader.u32(),
    }
  }
  return {
    by: 'version',
    file: reader.integer(),
    version: reader.integer(),
    fromByte: reader.integer(),
    chunksMax: reader.u32(),
  }
}

const KINDS = ['error', 'file', 'directory', 'link'] as const

function encodeResult(writer: ByteWriter, result: LookupResult): void {
  writer.u8(KINDS.indexOf(result.kind))
  switch (result.kind) {
    case 'error':
      writer.text(result.code).text(result.detail)
      return
    case 'directory':
      writer.integer(result.modifiedMs)
      return
    case 'link':
      writer.integer(result.version).text(result.target).integer(result.modifiedMs)
      return
    case 'file':
      encodeFile(writer, result)
  }
}

function encodeFile(writer: ByteWriter, { info, chunks, locations }: FoundFile): void {
  writer.integer(info.file).integer(info.version).integer(info.size).u32(info.crc32).bytes(info.sha256)
  writer
    .text(info.contentType)
    .u8(info.executable ? 1 : 0)
    .integer(info.modifiedMs)
  writer.u8(info.copies).u8(info.zones).u32(chunks.length)
  for (const chunk of chunks) encodeChunk(writer.integer(chunk.start), chunk)
  writer.u32(locations.size)
  for (const [volume, servers] of locations) {
    writer.integer(volume).u8(servers.length)
    for (const server of servers) writer.integer(server)
  }
}

function decodeResult(reader: ByteReader): LookupResult {
  const kind = KINDS[reader.u8()]
  switch (kind) {
    case 'error': {
      const code = reader.string()
      if (!isErrorCode(code)) throw new MalformedError(`no such error code: ${code}`)
      return { kind, code, detail: reader.string() }
    }
    case 'directory':
      return { kind, modifiedMs: reader.integer() }
    case 'link':
      return { kind, version: reader.integer(), target: reader.string(), modifiedMs: reader.integer() }
    case 'file':
      return decodeFile(reader)
    default:
      throw new MalformedError('no such kind of result')
  }
}

function decodeFile(reader: ByteReader): FoundFile {
  const info: FileInfo = {
    kind: 'file',
    file: reader.integer(),
    version: reader.integer(),
    size: reader.integer(),
    crc32: reader.u32(),
    sha256: reader.bytes(),
    contentType: reader.string(),
    executable: reader.u8() === 1,
    modifiedMs: reader.integer(),
    copies: reader.u8(),
    zones: reader.u8(),
  }
  const chunks = Array.from({ length: reader.u32() }, () => ({
    start: reader.integer(),
    ...decodeChunk(reader),
  }))
  const locations = new Map<number, number[]>()
  for (let left = reader.u32(); left > 0; left -= 1) {
    const volume = reader.integer()
    locations.set(
      volume,
      Array.from({ length: reader.u8() }, () => reader.integer()),
    )
  }
  return { kind: 'file', info, chunks, locations }
}
