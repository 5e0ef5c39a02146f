/** Logs as SQLite writes them, from lists of pages; and files of bytes in memory. */
import {
  FRAME_HEADER_BYTES,
  LOG_HEADER_BYTES,
  type LogHeader,
  type Pair,
  sumOfFrame,
  viewOf,
} from '../../src/format.ts'
import { type LogBytes } from '../../src/log-bytes.ts'

export const PAGE_BYTES = 512
export const FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES
const PAGES = 40

/** Page numbers of each transaction, in order. */
export type Transactions = readonly (readonly number[])[]

export interface LogWish {
  readonly salts?: Pair
  /** What the pages hold is drawn from this. */
  readonly seed?: number
}

export function writeLog(
  transactions: Transactions,
  { salts = [0x5a17, 0xc0ffee], seed = 1 }: LogWish = {},
): Uint8Array {
  const count = transactions.flat().length
  const log = new Uint8Array(LOG_HEADER_BYTES + count * FRAME_BYTES)
  const header = writeHeader(log, salts)
  let sums = header.sums
  let at = LOG_HEADER_BYTES
  let state = seed
  for (const pages of transactions) {
    for (const [index, page] of pages.entries()) {
      const frame = log.subarray(at, at + FRAME_BYTES)
      const view = viewOf(frame)
      view.setUint32(0, page)
      view.setUint32(4, index === pages.length - 1 ? PAGES : 0)
      setPair(view, 8, salts)
      for (let byte = FRAME_HEADER_BYTES; byte < FRAME_BYTES; byte += 1) {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
        frame[byte] = state >>> 16
      }
      sums = sumOfFrame(header, view, 0, sums)
      setPair(view, 16, sums)
      at += FRAME_BYTES
    }
  }
  return log
}

function writeHeader(log: Uint8Array, salts: Pair): LogHeader {
  const view = viewOf(log)
  const words = [0x377f0682, 3_007_000, PAGE_BYTES, 7, ...salts]
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word)
  let [first, second] = [0, 0]
  for (let at = 0; at < 24; at += 8) {
    first = (first + view.getUint32(at, true) + second) >>> 0
    second = (second + view.getUint32(at + 4, true) + first) >>> 0
  }
  setPair(view, 24, [first, second])
  return { isLittleEndian: true, pageBytes: PAGE_BYTES, salts, sums: [first, second] }
}

function setPair(view: DataView, at: number, [first, second]: Pair): void {
  view.setUint32(at, first)
  view.setUint32(at + 4, second)
}

export const fileOf = (bytes: Uint8Array): LogBytes => ({
  size: async () => bytes.length,
  async readInto(at, buffer) {
    const piece = bytes.subarray(at, at + buffer.length)
    buffer.set(piece)
    return piece.length
  },
})

/** What an earlier, longer round has left stands behind a log. */
export function onTopOf(older: Uint8Array, log: Uint8Array): Uint8Array {
  const both = new Uint8Array(Math.max(older.length, log.length))
  both.set(older)
  both.set(log)
  return both
}
