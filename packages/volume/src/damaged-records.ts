/**
 * Which records stand in a range of a copy that holds no valid one, as far as their headers are right: a wrong byte is most often in
 * the content, and then the header still tells whose it is. For people who have to know which files are meant.
 */
import { parseHeader, RECORD_HEADER_BYTES_MAX, type RecordHeader } from './record.ts'
import { type ReadInto, type ScanOptions } from './scan.ts'

export interface DamagedRecord {
  readonly at: number
  readonly end: number
  /** Of its file when it was written; null for what stands from the first header on that is wrong itself. */
  readonly path: string | null
}

export interface HeaderAt {
  readonly header: RecordHeader
  readonly bytes: Uint8Array
}

/** The header of the record at `at`; null if none is there, or the record would end behind `to`. `buffer` may be used again. */
export async function headerAt(
  read: ReadInto,
  at: number,
  options: ScanOptions,
  buffer = new Uint8Array(RECORD_HEADER_BYTES_MAX),
): Promise<HeaderAt | null> {
  const part = buffer.subarray(0, Math.min(buffer.byteLength, options.to - at))
  const bytes = part.subarray(0, await read(at, part))
  const header = parseHeader(bytes, options)
  if (header === null || header.volume !== options.volume || header.offset !== at) return null
  if (at + header.headerSize + header.length > options.to) return null
  return { header, bytes: bytes.subarray(0, header.headerSize) }
}

/** Those in the range from `from` to `to` of the options, in order, at most so many. What is left out is not told. */
export async function damagedRecords(
  read: ReadInto,
  options: ScanOptions,
  countMax: number,
): Promise<DamagedRecord[]> {
  const records: DamagedRecord[] = []
  const buffer = new Uint8Array(RECORD_HEADER_BYTES_MAX)
  for (let at = options.from; at < options.to && records.length < countMax;) {
    const found = await headerAt(read, at, options, buffer)
    const end = found === null ? options.to : at + found.header.headerSize + found.header.length
    records.push({ at, end, path: found?.header.path ?? null })
    at = end
  }
  return records
}
