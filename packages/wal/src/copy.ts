/** Copies of a log, whole or in part, in bounded pieces: nothing here changes the log that is read. */
import { type Disk, type DiskFile } from '@dfs/core'
import {
  frameBytes,
  isEqual,
  LOG_HEADER_BYTES,
  offsetOfFrame,
  type Pair,
  parseFrameHeader,
  sumOfFrame,
  SUMS_AT,
  viewOf,
} from './format.ts'
import { type BitFlip, type LogBytes, withFlips } from './log-bytes.ts'
import { type LogScan } from './scan.ts'

const PIECE_BYTES = 1024 * 1024

/** Writes what is in `from` between two places to a new file; durable when it resolves, but for its name. */
export async function copyBytes(
  from: LogBytes,
  to: { readonly disk: Disk; readonly name: string },
  range: { readonly from: number; readonly to: number } | null = null,
): Promise<void> {
  await writeNew(to.disk, to.name, async (file) => {
    const piece = new Uint8Array(PIECE_BYTES)
    const end = range?.to ?? (await from.size())
    for (let at = range?.from ?? 0; at < end;) {
      const count = await from.readInto(at, piece.subarray(0, Math.min(piece.length, end - at)))
      if (count === 0) break
      await file.appendv([piece.subarray(0, count)])
      at += count
    }
  })
}

/** The log as SQLite reads it: the transactions before the first fault, and nothing behind them. */
export const copyIntact = (from: LogBytes, scan: LogScan, to: { disk: Disk; name: string }): Promise<void> =>
  copyBytes(from, to, { from: 0, to: offsetOfFrame(scan.header, scan.intactFrames) })

/** The log with some bits turned. */
export const copyMended = (
  from: LogBytes,
  flips: readonly BitFlip[],
  to: { disk: Disk; name: string },
): Promise<void> => copyBytes(withFlips(from, flips), to)

/**
 * A log of all frames that are readable: those with faults are left out, and the sums are made again, so that SQLite reads
 * all of it. What the left-out pages said is missing, so nothing may be served from it: it is for looking what was lost.
 */
export async function copyReadable(
  from: LogBytes,
  { header, ownFrames }: LogScan,
  to: { disk: Disk; name: string },
): Promise<void> {
  await writeNew(to.disk, to.name, async (file) => {
    const size = frameBytes(header)
    const perPiece = Math.max(1, Math.floor(PIECE_BYTES / size))
    const piece = new Uint8Array(perPiece * size)
    await from.readInto(0, piece.subarray(0, LOG_HEADER_BYTES))
    await file.appendv([piece.subarray(0, LOG_HEADER_BYTES)])
    let [stored, written]: [Pair, Pair] = [header.sums, header.sums]
    for (let frame = 0; frame < ownFrames; frame += perPiece) {
      const count = Math.min(perPiece, ownFrames - frame) * size
      await from.readInto(offsetOfFrame(header, frame), piece.subarray(0, count))
      for (let at = 0; at < count; at += size) {
        const bytes = piece.subarray(at, at + size)
        const view = viewOf(bytes)
        const { salts, sums } = parseFrameHeader(view, 0)
        const isValid = isEqual(salts, header.salts) && isEqual(sumOfFrame(header, view, 0, stored), sums)
        stored = sums
        if (!isValid) continue
        written = sumOfFrame(header, view, 0, written)
        view.setUint32(SUMS_AT, written[0])
        view.setUint32(SUMS_AT + 4, written[1])
        await file.appendv([bytes])
      }
    }
  })
}

async function writeNew(disk: Disk, name: string, write: (file: DiskFile) => Promise<void>): Promise<void> {
  const file = await disk.open(name, 'create')
  try {
    await write(file)
    await file.sync()
  } finally {
    await file.close()
  }
}
