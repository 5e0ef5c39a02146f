/**
 * Records that stand one behind the other in memory, checked without making anything of them: whoever reads whole logs, or
 * copies them, meets a million small ones, and wants to know how far they are right. It waits for nothing, so its caller gives
 * the others their turn between two runs.
 */
import { type Crc32 } from './crc32.ts'
import {
  areNumbersIds,
  BLOCK_BYTES,
  decodePath,
  FIXED_HEADER_BYTES,
  headerCrc,
  type HeaderLayout,
  layoutAt,
} from './record.ts'
import { isWitnessAt, newestWitnessAt, type Witness } from './witness.ts'

/** What all records of a volume have in common. */
export interface RecordContext {
  readonly volume: number
  readonly salt: Uint8Array
  readonly crc32: Crc32
}

export interface RunOptions {
  /** Where in the volume the bytes start. */
  readonly at: number
  /** Where the volume ends: no record goes beyond. */
  readonly to: number
  /** Stops at the end of a record when it has looked at so many bytes. */
  readonly bytesMax: number
}

export interface RecordRun {
  /** Bytes of the right records, from the start. */
  readonly size: number
  readonly count: number
  /** The newest that any of them says. */
  readonly witness: Witness | null
  /**
   * What comes next: `invalid` is no record, whatever follows; `cut` may be one, of which the rest is not here; `more` was not
   * looked at; `end`: nothing.
   */
  readonly next: 'end' | 'more' | 'cut' | 'invalid'
}

/** How far `bytes` are right records of this volume in their places. */
export function recordRun(
  bytes: Uint8Array,
  context: RecordContext,
  { at, to, bytesMax }: RunOptions,
): RecordRun {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let [size, count] = [0, 0]
  let witness: Witness | null = null
  for (;;) {
    if (size === bytes.byteLength || at + size >= to) return { size, count, witness, next: 'end' }
    if (size >= bytesMax) return { size, count, witness, next: 'more' }
    const layout = layoutAt(view, size)
    if (layout === null) return { size, count, witness, next: 'invalid' }
    if (layout === 'more') return { size, count, witness, next: cutOrInvalid(bytes, { at, to }) }
    if (!isHeaderRight({ bytes, view, from: size, layout }, context, at))
      return { size, count, witness, next: 'invalid' }
    const end = size + layout.headerSize + layout.length
    if (at + end > to) return { size, count, witness, next: 'invalid' }
    if (end > bytes.byteLength) return { size, count, witness, next: 'cut' }
    if (!areBlocksRight({ bytes, view, from: size, layout }, context.crc32))
      return { size, count, witness, next: 'invalid' }
    if (layout.hasWitness) witness = newestWitnessAt(view, size + FIXED_HEADER_BYTES, witness)
    size = end
    count += 1
  }
}

/** Nothing can follow where the volume ends. */
const cutOrInvalid = (bytes: Uint8Array, { at, to }: { at: number; to: number }): 'cut' | 'invalid' =>
  at + bytes.byteLength >= to ? 'invalid' : 'cut'

interface Placed {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Where the record starts in `bytes`. */
  readonly from: number
  readonly layout: HeaderLayout
}

function isHeaderRight(
  { bytes, view, from, layout }: Placed,
  { volume, salt, crc32 }: RecordContext,
  at: number,
): boolean {
  const { headerSize, hasWitness, pathAt, tableAt } = layout
  if (view.getFloat64(from + 16, true) !== volume || view.getFloat64(from + 24, true) !== at + from)
    return false
  const header = bytes.subarray(from, from + headerSize)
  if (headerCrc(header, { salt, crc32 }) !== view.getUint32(from + 12, true)) return false
  if (!areNumbersIds(view, from)) return false
  if (hasWitness && !isWitnessAt(view, from + FIXED_HEADER_BYTES)) return false
  return isText(bytes, pathAt, tableAt)
}

function areBlocksRight({ bytes, view, from, layout }: Placed, crc32: Crc32): boolean {
  const { headerSize, length, tableAt } = layout
  const end = from + headerSize + length
  for (let at = from + headerSize, entry = tableAt; at < end; at += BLOCK_BYTES, entry += 4) {
    if (crc32(bytes.subarray(at, Math.min(at + BLOCK_BYTES, end))) !== view.getUint32(entry, true))
      return false
  }
  return true
}

/** Nearly all paths are plain ASCII, which needs no decoder. */
function isText(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    if (bytes[at]! >= 0x80) return decodePath(bytes.subarray(from, to)) !== null
  }
  return true
}
