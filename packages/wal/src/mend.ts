/**
 * Which single turned bits would explain a fault. The sum is linear: a bit changes it by an amount that depends on the bit and
 * its place alone, so every bit of a frame is tried for the price of reading it once.
 *
 * Several bits may explain the same fault: the weights repeat modulo small powers of two, so those of the upper quarter of a
 * word often do. Which of them it was nobody can tell, and the first one is as good as any other content; so all are
 * returned, and only a fault with exactly one may be mended.
 */
import { type Fault } from './fault.ts'
import {
  FRAME_HEADER_BYTES,
  isEqual,
  LOG_HEADER_BYTES,
  type LogHeader,
  offsetOfFrame,
  type Pair,
  parseFrameHeader,
  parseLogHeader,
  SALTS_AT,
  SUMMED_FRAME_BYTES,
  sumOfFrame,
  SUMS_AT,
  viewOf,
} from './format.ts'
import { type BitFlip, type LogBytes } from './log-bytes.ts'

/** Every bit whose turn makes a frame valid, and the frame behind it as valid as it was found. */
export function mendsOfFrame(header: LogHeader, fault: Fault): BitFlip[] {
  // If the sum before it may be wrong itself, nothing can be concluded from it.
  if (!fault.isFromSure) return []
  const view = viewOf(fault.bytes)
  const { salts, sums } = parseFrameHeader(view, 0)
  const computed = sumOfFrame(header, view, 0, fault.from)
  const at = offsetOfFrame(header, fault.frame)
  if (!isEqual(salts, header.salts)) {
    return isEqual(computed, sums) ? flipsBetween(salts, header.salts, at + SALTS_AT) : []
  }
  // The frame behind proves one of the two: then the other one is wrong.
  const inSums = fault.next === 'stored' ? [] : flipsBetween(sums, computed, at + SUMS_AT)
  const inContent = fault.next === 'computed' ? [] : contentFlips(header, view, { computed, sums, at })
  return [...inSums, ...inContent]
}

/** The one bit in which two pairs of words differ, as found at `at`; nothing if they differ in more, or not at all. */
function flipsBetween(found: Pair, wanted: Pair, at: number): BitFlip[] {
  const differences = [found[0] ^ wanted[0], found[1] ^ wanted[1]].flatMap((word, index) =>
    Array.from({ length: 32 }, (_, bit) => bit)
      .filter((bit) => ((word >>> bit) & 1) === 1)
      // The file is big-endian: bit 31 is in the first byte.
      .map((bit) => ({ at: at + index * 4 + 3 - (bit >>> 3), mask: 1 << (bit & 7) })),
  )
  return differences.length === 1 ? differences : []
}

interface Difference {
  readonly computed: Pair
  readonly sums: Pair
  /** Of the frame in the file. */
  readonly at: number
}

function contentFlips(
  { isLittleEndian, pageBytes }: LogHeader,
  view: DataView,
  difference: Difference,
): BitFlip[] {
  const { computed, sums, at } = difference
  const wanted = [(sums[0] - computed[0]) | 0, (sums[1] - computed[1]) | 0] as const
  const flips: BitFlip[] = []
  const tryWord = (word: number, weights: Pair): void => {
    const value = view.getUint32(word, isLittleEndian)
    for (let bit = 0; bit < 32; bit += 1) {
      const change = ((value >>> bit) & 1) === 1 ? -(1 << bit) : 1 << bit
      if (Math.imul(weights[0], change) !== wanted[0] || Math.imul(weights[1], change) !== wanted[1]) continue
      const byte = isLittleEndian ? bit >>> 3 : 3 - (bit >>> 3)
      flips.push({ at: at + word + byte, mask: 1 << (bit & 7) })
    }
  }
  // What a change of one in a word changes the sum at the end by, from the last pair of words to the first.
  let [first, second]: [Pair, Pair] = [
    [1, 1],
    [0, 1],
  ]
  for (const word of summedPairs(pageBytes)) {
    tryWord(word, first)
    tryWord(word + 4, second)
    ;[first, second] = [next(first), next(second)]
  }
  return flips
}

/** Pairs of words that the sum goes over, the last one first. */
function* summedPairs(pageBytes: number): Generator<number> {
  for (let word = FRAME_HEADER_BYTES + pageBytes - 8; word >= FRAME_HEADER_BYTES; word -= 8) yield word
  for (let word = SUMMED_FRAME_BYTES - 8; word >= 0; word -= 8) yield word
}

const next = ([a, b]: Pair): Pair => [(a + b) | 0, (a + 2 * b) | 0]

/** Every bit whose turn makes the log's header valid; if one of them fits the first frame, only those that do. */
export async function mendsOfHeader(file: LogBytes): Promise<BitFlip[]> {
  const bytes = new Uint8Array(LOG_HEADER_BYTES)
  await file.readInto(0, bytes)
  const found: { flip: BitFlip; isFitting: boolean }[] = []
  for (let at = 0; at < bytes.length; at += 1) {
    for (let mask = 1; mask < 256; mask *= 2) {
      bytes[at]! ^= mask
      const header = parseLogHeader(bytes)
      if (header !== null) found.push({ flip: { at, mask }, isFitting: await fitsFirstFrame(file, header) })
      bytes[at]! ^= mask
    }
  }
  const fitting = found.filter(({ isFitting }) => isFitting)
  return (fitting.length > 0 ? fitting : found).map(({ flip }) => flip)
}

async function fitsFirstFrame(file: LogBytes, header: LogHeader): Promise<boolean> {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + header.pageBytes)
  if ((await file.readInto(LOG_HEADER_BYTES, bytes)) < bytes.length) return false
  const view = viewOf(bytes)
  const { salts, sums } = parseFrameHeader(view, 0)
  return isEqual(salts, header.salts) && isEqual(sumOfFrame(header, view, 0, header.sums), sums)
}
