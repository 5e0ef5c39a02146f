/**
 * One whole record out of several damaged copies. Copies of a volume are identical byte for byte, so a header may come
 * from one of them and each block from another: a record is lost only if some part of it is right nowhere.
 */
import { assert } from '@dfs/core'
import {
  areBlocksValid,
  BLOCK_BYTES,
  RECORD_HEADER_BYTES_MAX,
  parseHeader,
  type RecordHeader,
} from './record.ts'
import { type ReadInto, type ScanOptions } from './scan.ts'

/** The bytes of the record at `at`, or null if they cannot be had from these copies. A copy that cannot be read has nothing. */
export async function assembleRecord(
  copies: readonly ReadInto[],
  at: number,
  options: ScanOptions,
): Promise<Uint8Array | null> {
  const most = await assembleMost(copies, at, options)
  return most?.isWhole === true ? most.bytes : null
}

/** Of a record as much as there is. */
export interface AssembledRecord {
  /** The header is right; of blocks that nobody has, what the last copy asked has there, or zeros. */
  readonly bytes: Uint8Array
  readonly isWhole: boolean
  /** Of the file, when it was written. */
  readonly path: string
  /** Which of the copies, by index, lack some of what they were asked for: not all are asked for everything. */
  readonly lacking: ReadonlySet<number>
}

/** As {@link assembleRecord}, but null only if nobody has its header: whoever reads a part of the record may need no more. */
export async function assembleMost(
  copies: readonly ReadInto[],
  at: number,
  options: ScanOptions,
): Promise<AssembledRecord | null> {
  const first = await findHeader(copies, at, options)
  if (first === null) return null
  const { header, headerBytes, index: from } = first
  const lacking = new Set(Array.from({ length: from }, (_, index) => index))
  const record = new Uint8Array(header.headerSize + header.length)
  record.set(headerBytes)
  const content = record.subarray(header.headerSize)
  let missing = Array.from({ length: header.blockCrcs.length }, (_, index) => index)
  for (const [index, read] of copies.entries()) {
    if (missing.length === 0) break
    missing = await fillBlocks(read, missing, { header, content, at, options })
    if (missing.length > 0) lacking.add(index)
  }
  return { bytes: record, isWhole: missing.length === 0, path: header.path, lacking }
}

async function findHeader(
  copies: readonly ReadInto[],
  at: number,
  options: ScanOptions,
): Promise<{ header: RecordHeader; headerBytes: Uint8Array; index: number } | null> {
  const buffer = new Uint8Array(Math.min(RECORD_HEADER_BYTES_MAX, options.to - at))
  for (const [index, read] of copies.entries()) {
    const bytes = buffer.subarray(0, await read(at, buffer))
    const header = parseHeader(bytes, options)
    if (header === null || header.volume !== options.volume || header.offset !== at) continue
    if (at + header.headerSize + header.length > options.to) continue
    return { header, headerBytes: bytes.slice(0, header.headerSize), index }
  }
  return null
}

interface Filling {
  readonly header: RecordHeader
  readonly content: Uint8Array
  readonly at: number
  readonly options: ScanOptions
}

/** Takes from one copy what is still missing; returns what is missing then. All blocks at once if none is there yet. */
async function fillBlocks(
  read: ReadInto,
  missing: readonly number[],
  { header, content, at, options }: Filling,
): Promise<number[]> {
  assert(missing.length > 0, 'something is missing')
  const isAll = missing.length === header.blockCrcs.length
  const contentAt = at + header.headerSize
  if (isAll) await read(contentAt, content)
  const left: number[] = []
  for (const index of missing) {
    const block = content.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)
    if (!isAll) await read(contentAt + index * BLOCK_BYTES, block)
    if (!areBlocksValid(header, index, block, options.crc32)) left.push(index)
  }
  return left
}
