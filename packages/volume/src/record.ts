/**
 * The record: one chunk of one file, framed so that the log explains itself. A header says where the record belongs and
 * which write made it, a table has the CRC-32 of each 64 KiB block, then come the bytes.
 *
 *   0 u32 magic "DFSR"      16 f64 volume                   48 f64 number of the write's request
 *   4 u16 format version    24 f64 offset in the volume     56 f64 first byte of the chunk in its file
 *   6 u16 header size       32 f64 server of the primary    64 f64 committed end known to the primary
 *   8 u32 bytes of content  40 f64 incarnation              72 u16 bytes of path
 *  12 u32 header CRC                                        74 u16 blocks
 *
 * Version 1 goes on with the path and the table; version 2 has a witness (witness.ts) before them. Which one is written is up
 * to the caller: the second only if every server reads it. Both are read for ever.
 *
 * Little endian; ids are doubles (integers below 2^53). The header's CRC covers the volume's salt and the header with that
 * field zero: file content that looks like a record does not scan as one. Server, incarnation and number together are the
 * command id of the write; the master's own ids are not known yet when a record is written.
 */
import { assert, fromUtf8, utf8 } from '@dfs/core'
import { combineCrc32, type Crc32 } from './crc32.ts'
import { readWitness, type Witness, WITNESS_BYTES, writeWitness } from './witness.ts'

export const BLOCK_BYTES = 65_536
/** What no header has less of. */
export const FIXED_HEADER_BYTES = 76
const MAGIC = 0x52534644
const WITHOUT_WITNESS = 1
const WITH_WITNESS = 2
export const RECORD_PATH_BYTES_MAX = 4096
const BLOCKS_MAX = 64
/** No header is longer: enough to read to be sure to have all of it. */
export const RECORD_HEADER_BYTES_MAX =
  FIXED_HEADER_BYTES + WITNESS_BYTES + RECORD_PATH_BYTES_MAX + 4 * BLOCKS_MAX
export const CONTENT_BYTES_MAX = BLOCKS_MAX * BLOCK_BYTES

/** What a header says besides its checksums. */
export interface RecordIdentity {
  readonly volume: number
  readonly offset: number
  readonly server: number
  readonly incarnation: number
  readonly requestNumber: number
  /** First byte of the chunk in its file. */
  readonly start: number
  readonly committedEnd: number
  readonly path: string
  /** What the primary had seen of the master; null in a record of version 1. */
  readonly witness: Witness | null
}

export interface RecordHeader extends RecordIdentity {
  readonly headerSize: number
  /** Bytes of content. */
  readonly length: number
  /** CRC-32 of each block; views into the header's bytes are not kept. */
  readonly blockCrcs: Uint32Array
}

/** Content with its checksums, computed once however often it is framed. */
export interface SummedContent {
  readonly pieces: readonly Uint8Array[]
  readonly length: number
  readonly blockCrcs: Uint32Array
  readonly crc32: number
}

export interface FramedRecord {
  /** Header and content, in order. */
  readonly pieces: readonly Uint8Array[]
  readonly size: number
  /** CRC-32 of all of it. */
  readonly crc32: number
}

/** Sums content block by block. The pieces are kept, not copied: they must not change. */
export function sumContent(pieces: readonly Uint8Array[], crc32: Crc32): SummedContent {
  const crcs: number[] = []
  let length = 0
  let crc = 0
  for (const piece of pieces) {
    for (let at = 0; at < piece.byteLength;) {
      const room = BLOCK_BYTES - (length % BLOCK_BYTES)
      const part = at === 0 && piece.byteLength <= room ? piece : piece.subarray(at, at + room)
      crc = crc32(part, crc)
      at += part.byteLength
      length += part.byteLength
      if (length % BLOCK_BYTES === 0) {
        crcs.push(crc)
        crc = 0
      }
    }
  }
  if (length % BLOCK_BYTES !== 0) crcs.push(crc)
  assert(length <= CONTENT_BYTES_MAX, 'content fits one record')
  const blockCrcs = Uint32Array.from(crcs)
  return { pieces, length, blockCrcs, crc32: combineBlocks(blockCrcs, length) }
}

/** The checksum of the whole content, from those of its blocks. */
export function combineBlocks(blockCrcs: Uint32Array, length: number): number {
  let crc = blockCrcs.length === 0 ? 0 : blockCrcs[0]!
  for (let index = 1; index < blockCrcs.length; index += 1) {
    crc = combineCrc32(crc, blockCrcs[index]!, Math.min(BLOCK_BYTES, length - index * BLOCK_BYTES))
  }
  return crc
}

/** Where the path starts, by the version of the format; undefined for one that is not known. */
const pathAtOf = (version: number): number | undefined =>
  version === WITHOUT_WITNESS
    ? FIXED_HEADER_BYTES
    : version === WITH_WITNESS
      ? FIXED_HEADER_BYTES + WITNESS_BYTES
      : undefined

/** Frames content as a record, in the version that its witness asks for. `salt` has 8 bytes. */
export function frameRecord(
  identity: RecordIdentity,
  content: SummedContent,
  context: { salt: Uint8Array; crc32: Crc32 },
): FramedRecord {
  const path = utf8(identity.path)
  const version = identity.witness === null ? WITHOUT_WITNESS : WITH_WITNESS
  const pathAt = pathAtOf(version)!
  const header = new Uint8Array(pathAt + path.byteLength + 4 * content.blockCrcs.length)
  const view = new DataView(header.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint16(4, version, true)
  view.setUint16(6, header.byteLength, true)
  view.setUint32(8, content.length, true)
  view.setFloat64(16, identity.volume, true)
  view.setFloat64(24, identity.offset, true)
  view.setFloat64(32, identity.server, true)
  view.setFloat64(40, identity.incarnation, true)
  view.setFloat64(48, identity.requestNumber, true)
  view.setFloat64(56, identity.start, true)
  view.setFloat64(64, identity.committedEnd, true)
  view.setUint16(72, path.byteLength, true)
  view.setUint16(74, content.blockCrcs.length, true)
  if (identity.witness !== null) writeWitness(view, FIXED_HEADER_BYTES, identity.witness)
  header.set(path, pathAt)
  let at = pathAt + path.byteLength
  for (const crc of content.blockCrcs) {
    view.setUint32(at, crc, true)
    at += 4
  }
  const { salt, crc32 } = context
  view.setUint32(12, crc32(header, crc32(salt)), true)
  return {
    pieces: [header, ...content.pieces],
    size: header.byteLength + content.length,
    crc32: combineCrc32(crc32(header), content.crc32, content.length),
  }
}

/**
 * Reads the header at the start of `bytes`. Returns null if there is none: too few bytes, another magic, lengths that
 * contradict each other, a number that is no id. Checks the header's CRC if `context` is given; a reader that knows the
 * chunk's checksum from the metadata compares that instead ({@link matchesChecksum}).
 */
export function parseHeader(
  bytes: Uint8Array,
  context: { salt: Uint8Array; crc32: Crc32 } | null,
): RecordHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const layout = layoutAt(view, 0)
  if (layout === null || layout === 'more') return null
  const { headerSize, length, pathAt, tableAt, blocks, hasWitness } = layout
  if (context !== null && headerCrc(bytes.subarray(0, headerSize), context) !== view.getUint32(12, true))
    return null
  if (!areNumbersIds(view, 0)) return null
  const witness = hasWitness ? readWitness(view, FIXED_HEADER_BYTES) : null
  if (hasWitness && witness === null) return null
  const path = decodePath(bytes.subarray(pathAt, tableAt))
  if (path === null) return null
  const blockCrcs = new Uint32Array(blocks)
  for (let index = 0; index < blocks; index += 1) blockCrcs[index] = view.getUint32(tableAt + 4 * index, true)
  return {
    volume: view.getFloat64(16, true),
    offset: view.getFloat64(24, true),
    server: view.getFloat64(32, true),
    incarnation: view.getFloat64(40, true),
    requestNumber: view.getFloat64(48, true),
    start: view.getFloat64(56, true),
    committedEnd: view.getFloat64(64, true),
    path,
    witness,
    headerSize,
    length,
    blockCrcs,
  }
}

/** Where the parts of a header are; all places from the start of what it was read from. */
export interface HeaderLayout {
  readonly headerSize: number
  /** Bytes of content. */
  readonly length: number
  readonly pathAt: number
  readonly tableAt: number
  readonly blocks: number
  readonly hasWitness: boolean
}

/** Of the header at `at`, whatever else it says. Null if there is none; `more` if there may be one that does not end here. */
export function layoutAt(view: DataView, at: number): HeaderLayout | 'more' | null {
  const available = view.byteLength - at
  if (available < FIXED_HEADER_BYTES) return 'more'
  if (view.getUint32(at, true) !== MAGIC) return null
  const version = view.getUint16(at + 4, true)
  const fixed = pathAtOf(version)
  if (fixed === undefined) return null
  const headerSize = view.getUint16(at + 6, true)
  const length = view.getUint32(at + 8, true)
  const pathBytes = view.getUint16(at + 72, true)
  const blocks = view.getUint16(at + 74, true)
  if (pathBytes > RECORD_PATH_BYTES_MAX || blocks > BLOCKS_MAX) return null
  if (blocks !== Math.ceil(length / BLOCK_BYTES) || headerSize !== fixed + pathBytes + 4 * blocks) return null
  if (headerSize > available) return 'more'
  const pathAt = at + fixed
  const hasWitness = version === WITH_WITNESS
  return { headerSize, length, pathAt, tableAt: pathAt + pathBytes, blocks, hasWitness }
}

/** Whether the numbers of the header at `at` are such as anybody writes: integers that are not negative. */
export function areNumbersIds(view: DataView, at: number): boolean {
  for (let place = at + 16; place <= at + 64; place += 8) {
    const value = view.getFloat64(place, true)
    if (!Number.isSafeInteger(value) || value < 0) return false
  }
  return true
}

/** What a record says that begins here, without a look at the rest of it; null if it says nothing. */
export function peekWitness(bytes: Uint8Array): Witness | null {
  if (bytes.byteLength < FIXED_HEADER_BYTES + WITNESS_BYTES) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0, true) !== MAGIC || view.getUint16(4, true) !== WITH_WITNESS) return null
  return readWitness(view, FIXED_HEADER_BYTES)
}

/** The checksum that the header, which is all of `header`, has to have. */
export function headerCrc(header: Uint8Array, { salt, crc32 }: { salt: Uint8Array; crc32: Crc32 }): number {
  let crc = crc32(header.subarray(0, 12), crc32(salt))
  crc = crc32(ZERO_FIELD, crc)
  return crc32(header.subarray(16), crc)
}

const ZERO_FIELD = new Uint8Array(4)

/** Null if it is not UTF-8. */
export function decodePath(bytes: Uint8Array): string | null {
  try {
    return fromUtf8(bytes)
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}

/** What the metadata says of a record, as far as it can be compared with the record itself. */
export interface ExpectedRecord {
  readonly volume: number
  readonly offset: number
  readonly recordSize: number
  readonly length: number
  readonly crc32: number
}

/** Whether a header is the expected record's: right place, right sizes, and blocks whose checksums combine to the chunk's. */
export const isExpected = (header: RecordHeader, expected: ExpectedRecord): boolean =>
  header.volume === expected.volume &&
  header.offset === expected.offset &&
  header.length === expected.length &&
  header.headerSize + header.length === expected.recordSize &&
  combineBlocks(header.blockCrcs, header.length) === expected.crc32

/**
 * Whether `bytes`, which start at block `firstBlock` of the content, match the header's table. The last block may be
 * the short one at the end of the content; every other must be whole.
 */
export function areBlocksValid(
  header: RecordHeader,
  firstBlock: number,
  bytes: Uint8Array,
  crc32: Crc32,
): boolean {
  for (let at = 0, block = firstBlock; at < bytes.byteLength; at += BLOCK_BYTES, block += 1) {
    const size = Math.min(BLOCK_BYTES, header.length - block * BLOCK_BYTES)
    if (size <= 0 || at + size > bytes.byteLength) return false
    if (crc32(bytes.subarray(at, at + size)) !== header.blockCrcs[block]) return false
  }
  return true
}
