/**
 * Look-ups: what stands at a path, where its bytes are, and how well they are kept now. They travel in batches, as commands do.
 *
 * What programs did not say from the beginning stands behind the rest, in a section of its own (lookup-sections.ts): an older
 * reader stops before it, and a newer one does without.
 */
import { ByteReader, ByteWriter, concatBytes, MalformedError } from '@dfs/core'
import { isErrorCode } from '../errors.ts'
import { type Epoch } from '../ids.ts'
import { type FilePath } from '../path.ts'
import { decodeChunk, decodeEpoch, encodeChunk, encodeEpoch } from './commits.ts'
import { encodeKept, encodeWishes, NONE_LOST, withKept, withWishes } from './lookup-sections.ts'
import { type FileInfo, type FoundFile, type Lookup, type LookupResult } from './looked-up.ts'
import { type Method } from './method.ts'

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
    encodeWishes(writer, requests)
    return { params: {}, body: [writer.finish()] }
  },
  decodeRequest(_params, body) {
    const reader = new ByteReader(concatBytes(body))
    return withWishes(
      reader,
      Array.from({ length: reader.u32() }, () => decodeLookup(reader)),
    )
  },
  encodeReply(reply) {
    const writer = encodeEpoch(new ByteWriter(64 + reply.results.length * 192), reply.epoch)
    writer.u32(reply.results.length)
    for (const result of reply.results) encodeResult(writer, result)
    encodeKept(writer, reply.results)
    return [writer.finish()]
  },
  decodeReply(body) {
    const reader = new ByteReader(concatBytes(body))
    const epoch = decodeEpoch(reader)
    const results = Array.from({ length: reader.u32() }, () => decodeResult(reader))
    return { epoch, results: withKept(reader, results) }
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
  return { kind: 'file', info, chunks, locations, now: null, lostOn: NONE_LOST }
}
