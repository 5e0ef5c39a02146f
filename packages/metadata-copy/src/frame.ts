/**
 * One piece of a metadata copy as it is sent and as it stands on a holder's disk: a header that explains itself, then bytes.
 *
 *   0 u32 magic "DFSM"      32 f64 from: start        80 f64 to: transactions
 *   4 u16 format version    40 u64 from: nonce        88 f64 offset in the database file
 *   6 u16 kind              48 f64 from: transactions  96 u32 bytes before compression
 *   8 u32 schema            56 f64 to: start          100 u32 bytes that follow
 *  12 u32 header CRC        64 u64 to: nonce          104 u32 CRC-32 of those
 *  16 16 bytes cluster id   72 f64 bytes of the whole database file (snapshots; else 0)
 *                                                     108 zeros up to 128
 *
 * Little endian. In a piece of a snapshot `from` and `to` are both the snapshot's position. The header's CRC covers the header with that field zero.
 */
import { assert, type Sum } from '@dfs/core'
import { type Epoch, METADATA_FRAME_BYTES_MAX, MIB } from '@dfs/protocol'
import { comparePositions, isSamePosition } from './position.ts'

export const FRAME_HEADER_BYTES = 128
/** Bytes of one frame before compression: what a reader has to find room for. */
export const FRAME_RAW_BYTES_MAX = 16 * MIB
/** Bytes of one frame behind its header. */
export const FRAME_STORED_BYTES_MAX = METADATA_FRAME_BYTES_MAX - FRAME_HEADER_BYTES

const MAGIC = 0x4d534644
/** The first byte of a header. */
export const FIRST_BYTE = MAGIC & 0xff
const FORMAT_VERSION = 1
const HEADER_CRC_AT = 12

/**
 * `snapshot`: a part of the database file. `snapshotEnd`: all of it was there; has no bytes.
 * `changes`: change sets, each as u32 length and bytes, one after the other.
 */
export type FrameKind = 'snapshot' | 'snapshotEnd' | 'changes'

/** By their numbers in the header, from 1. */
const KINDS: readonly FrameKind[] = ['snapshot', 'snapshotEnd', 'changes']

export interface FrameHeader {
  readonly kind: FrameKind
  /** `PRAGMA user_version` of the database. */
  readonly schema: number
  /** 32 hexadecimal digits. */
  readonly clusterId: string
  readonly from: Epoch
  readonly to: Epoch
  /** Of a part of a snapshot: where it belongs. Of its end: the end of the file. Else 0. */
  readonly offset: number
  /** Of the whole database file, in the pieces of a snapshot; else 0. */
  readonly fileBytes: number
  /** Bytes before compression. */
  readonly rawBytes: number
  /** Bytes that follow the header. */
  readonly storedBytes: number
  readonly storedCrc32: number
}

/** The bytes of a header. */
export function writeFrameHeader(header: FrameHeader, crc32: Sum): Uint8Array {
  const why = faultOf(header)
  assert(why === null, `a frame that cannot be: ${why}`)
  const bytes = new Uint8Array(FRAME_HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint16(4, FORMAT_VERSION, true)
  view.setUint16(6, KINDS.indexOf(header.kind) + 1, true)
  view.setUint32(8, header.schema, true)
  bytes.set(Uint8Array.fromHex(header.clusterId), 16)
  writePosition(view, { startAt: 32, nonceAt: 40, transactionsAt: 48 }, header.from)
  writePosition(view, { startAt: 56, nonceAt: 64, transactionsAt: 80 }, header.to)
  view.setFloat64(72, header.fileBytes, true)
  view.setFloat64(88, header.offset, true)
  view.setUint32(96, header.rawBytes, true)
  view.setUint32(100, header.storedBytes, true)
  view.setUint32(104, header.storedCrc32, true)
  view.setUint32(HEADER_CRC_AT, crc32(bytes), true)
  return bytes
}

/** Of the header in the first 128 of `bytes`, which are there; null if it is none that {@link writeFrameHeader} has made. */
export function parseFrameHeader(bytes: Uint8Array, crc32: Sum): FrameHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEADER_BYTES)
  if (view.getUint32(0, true) !== MAGIC || view.getUint16(4, true) !== FORMAT_VERSION) return null
  // A copy, whatever subclass it is: what Node reads has a `slice` that is a view.
  const summed = new Uint8Array(bytes.subarray(0, FRAME_HEADER_BYTES))
  summed.fill(0, HEADER_CRC_AT, HEADER_CRC_AT + 4)
  if (crc32(summed) !== view.getUint32(HEADER_CRC_AT, true)) return null
  const kind = KINDS[view.getUint16(6, true) - 1]
  if (kind === undefined) return null
  const header = {
    kind,
    schema: view.getUint32(8, true),
    clusterId: bytes.subarray(16, 32).toHex(),
    from: readPosition(view, { startAt: 32, nonceAt: 40, transactionsAt: 48 }),
    to: readPosition(view, { startAt: 56, nonceAt: 64, transactionsAt: 80 }),
    offset: view.getFloat64(88, true),
    fileBytes: view.getFloat64(72, true),
    rawBytes: view.getUint32(96, true),
    storedBytes: view.getUint32(100, true),
    storedCrc32: view.getUint32(104, true),
  }
  return faultOf(header) === null ? header : null
}

/** Why there is no such frame; null if there may be. */
function faultOf(header: FrameHeader): string | null {
  const { kind, from, to, offset, fileBytes, rawBytes, storedBytes } = header
  if (!/^[0-9a-f]{32}$/.test(header.clusterId)) return 'the cluster id has no 32 hexadecimal digits'
  if (!isPosition(from) || !isPosition(to)) return 'a position that is none'
  if (!isCount(offset) || !isCount(fileBytes)) return 'a place that is none'
  if (rawBytes > FRAME_RAW_BYTES_MAX || storedBytes > FRAME_STORED_BYTES_MAX) return 'too many bytes'
  if ((rawBytes === 0) !== (kind === 'snapshotEnd') || (rawBytes === 0) !== (storedBytes === 0)) {
    return 'bytes are missing, or too many'
  }
  switch (kind) {
    case 'snapshot':
    case 'snapshotEnd':
      if (!isSamePosition(from, to)) return 'a snapshot is at one position'
      if (kind === 'snapshotEnd' && offset !== fileBytes) return 'a snapshot ends with its file'
      return offset + rawBytes <= fileBytes ? null : 'a part beyond the end of the file'
    case 'changes':
      if (offset !== 0 || fileBytes !== 0) return 'change sets have no place in a file'
      if (from.counter === to.counter && from.nonce !== to.nonce) return 'changes of two histories'
      if (comparePositions(from, to) >= 0 || from.sequence >= to.sequence) return 'changes lead on'
      return null
  }
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

const isPosition = ({ counter, nonce, sequence }: Epoch): boolean =>
  counter >= 1 && isCount(counter) && isCount(sequence) && /^[0-9a-f]{16}$/.test(nonce)

interface PositionPlaces {
  readonly startAt: number
  readonly nonceAt: number
  readonly transactionsAt: number
}

function writePosition(view: DataView, places: PositionPlaces, { counter, nonce, sequence }: Epoch): void {
  view.setFloat64(places.startAt, counter, true)
  view.setBigUint64(places.nonceAt, BigInt(`0x${nonce}`), true)
  view.setFloat64(places.transactionsAt, sequence, true)
}

const readPosition = (view: DataView, places: PositionPlaces): Epoch => ({
  counter: view.getFloat64(places.startAt, true),
  nonce: view.getBigUint64(places.nonceAt, true).toString(16).padStart(16, '0'),
  sequence: view.getFloat64(places.transactionsAt, true),
})
