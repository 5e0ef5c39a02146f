/**
 * Copies of the metadata on chunk servers. None is needed while the metadata itself is there, so what is missing is no fault; but
 * whoever recovers from one relies on every byte. What an interrupted append can have left is none either: it is at the end,
 * and nobody was told that it is there.
 */
import { type Disk, DiskError, type DiskFile } from '@dfs/core'
import {
  FRAME_HEADER_BYTES,
  FrameScanner,
  isSamePosition,
  METADATA_COPIES_DIRECTORY,
  parseCopyFileName,
  parseFrameHeader,
} from '@dfs/metadata-copy'
import { METADATA_BYTES_PER_CALL_MAX, MIB } from '@dfs/protocol'
import { type Crc32 } from '@dfs/volume'
import { type Findings } from './findings.ts'

const PIECE_BYTES = MIB

export interface MetadataCopiesOptions {
  readonly serverName: string
  readonly disk: Disk
  readonly crc32: Crc32
  readonly findings: Findings
  readonly onBytes: (count: number) => void
  readonly signal: AbortSignal | undefined
}

/** Reads all of them. Rejects with the signal's reason. */
export async function checkMetadataCopies(options: MetadataCopiesOptions): Promise<void> {
  const { disk, findings, serverName, signal } = options
  for (const name of await namesIn(options)) {
    signal?.throwIfAborted()
    const path = `${METADATA_COPIES_DIRECTORY}/${name}`
    try {
      const file = await disk.open(path, 'existing')
      try {
        const wrong = await wrongWith(name, file, options)
        if (wrong !== null) findings.add('metadata-copy-damaged', serverName, `${path}: ${wrong}`)
      } finally {
        await file.close()
      }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      findings.add('metadata-copy-damaged', serverName, `${path}: ${error.message}`)
    }
  }
}

/** None where there is no copy. */
async function namesIn({ disk, findings, serverName }: MetadataCopiesOptions): Promise<string[]> {
  try {
    return await disk.list(METADATA_COPIES_DIRECTORY)
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    if (error.kind !== 'missing') findings.add('metadata-copy-damaged', serverName, error.message)
    return []
  }
}

/** For people; null if nothing is. Throws DiskError. */
async function wrongWith(
  name: string,
  file: DiskFile,
  { crc32, onBytes, signal }: MetadataCopiesOptions,
): Promise<string | null> {
  const parsed = parseCopyFileName(name)
  // Set aside, or not of this program.
  if (parsed === null) return null
  const size = await file.size()
  const isComplete = parsed.kind === 'snapshot' && (await endsComplete(file, size, { ...parsed, crc32 }))
  const scanner = new FrameScanner(crc32)
  for (let at = 0; at < size;) {
    signal?.throwIfAborted()
    const piece = new Uint8Array(Math.min(PIECE_BYTES, size - at))
    const count = await file.readInto(at, piece)
    if (count === 0) break
    for (const frame of scanner.push(piece.subarray(0, count))) void frame
    onBytes(count)
    at += count
  }
  const end = scanner.finish()
  if (end.kind === 'whole') return null
  const mayBeInterrupted = !isComplete && end.size - end.at <= METADATA_BYTES_PER_CALL_MAX
  return mayBeInterrupted ? null : `damaged at byte ${end.at} of ${end.size}`
}

/** Whether the last frame says that all of the snapshot was synced before it. */
async function endsComplete(
  file: DiskFile,
  size: number,
  { position, crc32 }: { position: Parameters<typeof isSamePosition>[0]; crc32: Crc32 },
): Promise<boolean> {
  if (size < FRAME_HEADER_BYTES) return false
  const header = new Uint8Array(FRAME_HEADER_BYTES)
  await file.readInto(size - FRAME_HEADER_BYTES, header)
  const last = parseFrameHeader(header, crc32)
  return last?.kind === 'snapshotEnd' && isSamePosition(last.to, position)
}
