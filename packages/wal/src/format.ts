/**
 * SQLite's write-ahead log as bytes (https://sqlite.org/fileformat2.html#walformat): a header, then frames of one page each.
 * The sum in a frame goes over everything before it, so SQLite stops at the first frame that does not add up, whatever
 * stands behind it. But each frame also says what the sum was: the next one can be verified from there. That is how this
 * package tells a log that ends from one that is damaged.
 */
export const LOG_HEADER_BYTES = 32
export const FRAME_HEADER_BYTES = 24
const MAGIC = 0x377f0682
const VERSION = 3_007_000
const SUMMED_HEADER_BYTES = 24
/** What of a frame's header the sum goes over: page number and size after the commit. */
export const SUMMED_FRAME_BYTES = 8
export const SALTS_AT = 8
export const SUMS_AT = 16

/** Two unsigned 32-bit words. */
export type Pair = readonly [number, number]

export interface LogHeader {
  readonly isLittleEndian: boolean
  readonly pageBytes: number
  /** New for each round of the log; every frame of the round repeats them. */
  readonly salts: Pair
  /** Where the sum of the first frame begins. */
  readonly sums: Pair
}

export interface FrameHeader {
  readonly page: number
  /** Pages of the database after this transaction, of which it is the last frame; 0 in all others. */
  readonly pagesAfterCommit: number
  readonly salts: Pair
  /** The sum up to the end of this frame. */
  readonly sums: Pair
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const isEqual = (a: Pair, b: Pair): boolean => a[0] === b[0] && a[1] === b[1]

const pairAt = (view: DataView, at: number): Pair => [view.getUint32(at), view.getUint32(at + 4)]

/** The header in the first 32 bytes; null if SQLite would not take it for one. */
export function parseLogHeader(bytes: Uint8Array): LogHeader | null {
  const view = viewOf(bytes)
  const magic = view.getUint32(0)
  const pageBytes = view.getUint32(8)
  const isPageSize = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0
  if ((magic & ~1) !== MAGIC || view.getUint32(4) !== VERSION || !isPageSize) return null
  const isLittleEndian = (magic & 1) === 0
  const sums = pairAt(view, SUMMED_HEADER_BYTES)
  if (!isEqual(sum(view, 0, SUMMED_HEADER_BYTES, [0, 0], isLittleEndian), sums)) return null
  return { isLittleEndian, pageBytes, salts: pairAt(view, 16), sums }
}

export const parseFrameHeader = (view: DataView, at: number): FrameHeader => ({
  page: view.getUint32(at),
  pagesAfterCommit: view.getUint32(at + 4),
  salts: pairAt(view, at + SALTS_AT),
  sums: pairAt(view, at + SUMS_AT),
})

export const frameBytes = ({ pageBytes }: LogHeader): number => FRAME_HEADER_BYTES + pageBytes

export const offsetOfFrame = (header: LogHeader, index: number): number =>
  LOG_HEADER_BYTES + index * frameBytes(header)

/** The sum after the frame at `at`, if it was `from` before. */
export function sumOfFrame(header: LogHeader, view: DataView, at: number, from: Pair): Pair {
  const { isLittleEndian, pageBytes } = header
  const afterHeader = sum(view, at, SUMMED_FRAME_BYTES, from, isLittleEndian)
  return sum(view, at + FRAME_HEADER_BYTES, pageBytes, afterHeader, isLittleEndian)
}

function sum(view: DataView, at: number, length: number, from: Pair, isLittleEndian: boolean): Pair {
  let [first, second] = from
  for (const end = at + length; at < end; at += 8) {
    first = (first + view.getUint32(at, isLittleEndian) + second) | 0
    second = (second + view.getUint32(at + 4, isLittleEndian) + first) | 0
  }
  return [first >>> 0, second >>> 0]
}

/**
 * The page number and the size after the commit with which a frame's page adds up to its sum. There always are some: they
 * mean something only if they look like what a frame has.
 */
export function solveFrameHeader(header: LogHeader, view: DataView, at: number, from: Pair): Pair {
  const { isLittleEndian, pageBytes } = header
  let [first, second] = pairAt(view, at + SUMS_AT)
  const page = at + FRAME_HEADER_BYTES
  for (let word = page + pageBytes - 8; word >= page; word -= 8) {
    second = (second - view.getUint32(word + 4, isLittleEndian) - first) | 0
    first = (first - view.getUint32(word, isLittleEndian) - second) | 0
  }
  const size = (second - from[1] - first) | 0
  const number = (first - from[0] - from[1]) | 0
  return [inOrder(number, isLittleEndian), inOrder(size, isLittleEndian)]
}

/** A word of the sum as the number that the file, which is big-endian, means. */
function inOrder(word: number, isLittleEndian: boolean): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setUint32(0, word, isLittleEndian)
  return view.getUint32(0)
}
