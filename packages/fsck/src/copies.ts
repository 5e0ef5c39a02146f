/**
 * The copies of one volume against the metadata and against each other: every record that a file refers to is valid and is
 * the right one in each copy that counts, and the copies are the same bytes up to the end that was promised.
 */
import { formatId } from '@dfs/protocol'
import {
  areBlocksValid,
  type Crc32,
  RECORD_HEADER_BYTES_MAX,
  isExpected,
  parseHeader,
  type ReadInto,
  type RecordHeader,
} from '@dfs/volume'
import { type Findings } from './findings.ts'
import { type Chunk, type Volume } from './metadata.ts'

/** Bytes compared at a time. */
const WINDOW_BYTES = 1024 * 1024

/** A copy that counts, as it was found. */
export interface FoundCopy {
  readonly serverName: string
  readonly read: ReadInto
}

export interface VolumeCheck {
  readonly volume: Volume
  readonly chunks: Iterable<Chunk>
  readonly copies: readonly FoundCopy[]
  readonly crc32: Crc32
}

export async function checkVolume(check: VolumeCheck, findings: Findings): Promise<void> {
  const damaged = new Set<FoundCopy>()
  for (const chunk of check.chunks) {
    findings.checked({ chunks: 1 })
    for (const copy of check.copies) {
      if (!(await checkRecord(check, chunk, copy, findings))) damaged.add(copy)
    }
  }
  await compareCopies(check, damaged, findings)
}

async function checkRecord(
  { volume, crc32 }: VolumeCheck,
  chunk: Chunk,
  copy: FoundCopy,
  findings: Findings,
): Promise<boolean> {
  const where = `volume ${formatId(volume.id)} on ${copy.serverName}`
  const record = new Uint8Array(chunk.recordSize)
  const size = await copy.read(chunk.offset, record)
  findings.checked({ bytes: size })
  const context = { salt: fromHex(volume.salt), crc32 }
  const header = parseHeader(record.subarray(0, Math.min(size, RECORD_HEADER_BYTES_MAX)), context)
  const isValid =
    header !== null &&
    header.headerSize + header.length === size &&
    areBlocksValid(header, 0, record.subarray(header.headerSize, size), crc32)
  if (!isValid) {
    findings.add('record-damaged', where, `the record at ${chunk.offset}, ${chunk.recordSize} bytes`)
    return false
  }
  const difference = differenceOf(header, chunk, volume)
  if (difference === null) return true
  findings.add('record-foreign', where, `the record at ${chunk.offset}: ${difference}`)
  return false
}

/** What a valid record says otherwise than the metadata, or null. */
function differenceOf(header: RecordHeader, chunk: Chunk, volume: Volume): string | null {
  if (!isExpected(header, { ...chunk, volume: volume.id })) return 'another place, size or checksum'
  const { server, incarnation, requestNumber } = header
  if (server !== volume.primaryServer || incarnation !== volume.primaryIncarnation)
    return `written by server ${server} in incarnation ${incarnation}`
  if (header.start !== chunk.startInFile)
    return `the bytes from ${header.start} of a file, not from ${chunk.startInFile}`
  if (chunk.requestNumber !== null && requestNumber !== chunk.requestNumber)
    return `of request ${requestNumber}, not ${chunk.requestNumber}`
  return null
}

/** Copies with damaged records differ anyway; one finding for each other copy that differs, with its first place. */
async function compareCopies(
  { volume, copies }: VolumeCheck,
  damaged: ReadonlySet<FoundCopy>,
  findings: Findings,
): Promise<void> {
  const [first, ...others] = copies.filter((copy) => !damaged.has(copy))
  if (first === undefined) return
  const [expected, found] = [new Uint8Array(WINDOW_BYTES), new Uint8Array(WINDOW_BYTES)]
  for (const other of others) {
    for (let at = 0; at < volume.committedEnd; at += WINDOW_BYTES) {
      const count = Math.min(WINDOW_BYTES, volume.committedEnd - at)
      await first.read(at, expected.subarray(0, count))
      await other.read(at, found.subarray(0, count))
      const index = firstDifference(expected, found, count)
      if (index === null) continue
      const where = `volume ${formatId(volume.id)}`
      findings.add(
        'copies-differ',
        where,
        `${first.serverName} and ${other.serverName}, first at ${at + index}`,
      )
      break
    }
  }
}

function firstDifference(left: Uint8Array, right: Uint8Array, count: number): number | null {
  for (let index = 0; index < count; index += 1) if (left[index] !== right[index]) return index
  return null
}

const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
