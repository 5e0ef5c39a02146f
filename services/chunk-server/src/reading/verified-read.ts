/**
 * Bytes of a chunk out of one copy, checked: the record's header must be the one that the metadata means, its table of block
 * checksums must combine to the chunk's checksum, and every block must match the table. A header that was right once need
 * not be read again for the other blocks of its chunk: the same table holds for every copy.
 */
import { type LocatedChunk } from '@dfs/protocol'
import {
  areBlocksValid,
  BLOCK_BYTES,
  type Crc32,
  isExpected as isExpectedRecord,
  parseHeader,
  type RecordHeader,
} from '@dfs/volume'
import { type LoanedBytes } from './buffer-pool.ts'

/** Bytes `from` (included) to `to` (excluded) of a chunk's content. */
export interface ChunkRange {
  readonly from: number
  readonly to: number
}

/** Reads `size` bytes at `offset` of a volume from one particular copy. */
export type ReadFrom = (offset: number, size: number) => Promise<LoanedBytes>

export interface Wanted {
  readonly chunk: LocatedChunk
  readonly range: ChunkRange
  readonly crc32: Crc32
}

/**
 * The header out of one copy and, if the range starts in the first block, the range with it; null if this copy has
 * another record there, or other bytes.
 */
export async function readFirst(
  read: ReadFrom,
  wanted: Wanted,
): Promise<{ readonly header: RecordHeader; readonly bytes: LoanedBytes | null } | null> {
  const { chunk } = wanted
  const headerSize = chunk.recordSize - chunk.length
  const { from, to } = blocksOf(wanted)
  const isOneRead = from === 0
  const loan = await read(chunk.offset, headerSize + (isOneRead ? to : 0))
  const header = parseHeader(loan.bytes.subarray(0, headerSize), null)
  if (header === null || !isExpectedRecord(header, chunk)) {
    loan.release()
    return null
  }
  if (isOneRead) {
    const bytes = checked(loan, header, wanted, headerSize)
    return bytes === null ? null : { header, bytes }
  }
  // What the header says is kept apart from its bytes, which may be lent again before the blocks are here.
  loan.release()
  return { header, bytes: null }
}

/** The range out of one copy whose header is known. */
export async function readBlocks(
  read: ReadFrom,
  header: RecordHeader,
  wanted: Wanted,
): Promise<LoanedBytes | null> {
  const { offset } = wanted.chunk
  const { from, to } = blocksOf(wanted)
  return checked(await read(offset + header.headerSize + from, to - from), header, wanted, 0)
}

/** The bytes of the whole blocks that the range touches. */
function blocksOf({ chunk, range }: Wanted): ChunkRange {
  return {
    from: Math.floor(range.from / BLOCK_BYTES) * BLOCK_BYTES,
    to: Math.min(chunk.length, Math.ceil(range.to / BLOCK_BYTES) * BLOCK_BYTES),
  }
}

/** Takes the loan over: the range out of its blocks, which start at `start`, or null if they are not the chunk's. */
function checked(loan: LoanedBytes, header: RecordHeader, wanted: Wanted, start: number): LoanedBytes | null {
  const { from, to } = blocksOf(wanted)
  const blocks = loan.bytes.subarray(start, start + to - from)
  const isRight =
    blocks.byteLength === to - from && areBlocksValid(header, from / BLOCK_BYTES, blocks, wanted.crc32)
  if (!isRight) {
    loan.release()
    return null
  }
  const { range } = wanted
  return { bytes: blocks.subarray(range.from - from, range.to - from), release: () => loan.release() }
}
