/**
 * Mends a damaged copy in place (R20): record by record, from whichever copies have right bytes. What comes from
 * elsewhere is written only after its checksums were found right for this very place. A range that no copy has is left as
 * it is, and the rest is mended all the same.
 */
import { assembleRecord, type ReadInto, type ScanOptions, scanVolume } from '@dfs/volume'
import { type Reading } from '../volume/reading.ts'
import { type Span } from '../volume/copy-verification.ts'
import { type VolumeCopy } from '../volume/volume-copy.ts'

export interface Repaired {
  readonly records: number
  readonly bytes: number
  /** What no copy has; in order. */
  readonly lost: readonly Span[]
}

/**
 * Mends `damaged` ranges of a sealed copy from the copies elsewhere, best first; each says how much it could read, nothing if it
 * cannot be reached. Rejects if the copy's own disk fails.
 */
export async function* repairCopy(
  copy: VolumeCopy,
  damaged: readonly Span[],
  others: readonly ReadInto[],
): Reading<Repaired> {
  const sources = [...others, copy.readTolerantly]
  const lost: Span[] = []
  let [records, bytes] = [0, 0]
  for (const range of damaged) {
    for (let at = range.at; at < range.end;) {
      const record = await assembleRecord(sources, at, copy.scanOptions({ at, end: range.end }))
      const from = at
      if (record === null) {
        const end = await nextRecord(sources, copy.scanOptions({ at, end: range.end }))
        lost.push({ at, end })
        at = end
      } else {
        // Behind a hole at the end of the file there is no place to write to yet.
        const isPlaced = await copy.repair(at, record)
        if (!isPlaced) return { records, bytes, lost: [...lost, { at, end: range.end }] }
        records += 1
        bytes += record.byteLength
        at += record.byteLength
      }
      yield at - from
    }
  }
  return { records, bytes, lost }
}

/** Where the next whole record starts in any of the sources, or where the range ends. */
export async function nextRecord(sources: readonly ReadInto[], range: ScanOptions): Promise<number> {
  let nearest = range.to
  for (const read of sources) {
    for await (const found of scanVolume(read, range)) {
      if (found.kind !== 'record') continue
      nearest = Math.min(nearest, found.at)
      break
    }
  }
  return nearest
}
