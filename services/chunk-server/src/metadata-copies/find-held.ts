/**
 * What a start finds of a metadata copy. A torn tail is cut: its writer was interrupted, and nobody was told of it. Of what is
 * damaged the part before the damage counts, and it is said. A complete snapshot is believed by its end, which was written when
 * all before it was synced; whether it still is whole is read in the background (check-metadata-copy.ts).
 */
import { DiskError, type Log, type Sum } from '@dfs/core'
import {
  type CopyFileKind,
  copyFileName,
  comparePositions,
  follows,
  FRAME_HEADER_BYTES,
  type FrameHeader,
  FrameScanner,
  isSamePosition,
  parseCopyFileName,
  parseFrameHeader,
} from '@dfs/metadata-copy'
import { type Epoch, MIB } from '@dfs/protocol'
import { type FrameFiles } from './frame-files.ts'
import { type HeldSegment, type HeldSnapshot, type Holdings, segmentName } from './holdings.ts'

const PIECE_BYTES = MIB

export interface FindHeldDeps {
  readonly files: FrameFiles
  readonly crc32: Sum
  readonly log: Log
  /** Whose copy it has to be; null if this server is of no cluster yet. */
  readonly clusterId: string | null
}

export interface Found {
  readonly holdings: Holdings
  /** For people; null if nothing is. */
  readonly damage: string | null
  /** The newest that any frame says of the master. */
  readonly newest: Epoch | null
  /** Files that could not be read: they may yet be, and what they mean for others is not known. */
  readonly unread: ReadonlySet<string>
}

interface FileName {
  readonly name: string
  readonly kind: CopyFileKind
  readonly position: Epoch
}

/** What one file is worth. */
interface Worth {
  /** Of the last frame that counts; null if none does. */
  readonly last: FrameHeader | null
  readonly size: number
  /** What is wrong behind it; null if nothing is, or the rest is a torn tail. */
  readonly wrong: string | null
}

/** Never throws for the disk's sake: what cannot be read is not held. */
export async function findHeld(deps: FindHeldDeps): Promise<Found> {
  const snapshots: HeldSnapshot[] = []
  const segments: HeldSegment[] = []
  const unread = new Set<string>()
  let damage: string | null = null
  let newest: Epoch | null = null
  for (const file of await namesOf(deps)) {
    try {
      const { last, size, wrong } = await worthOf(file, deps)
      if (wrong !== null) {
        damage = `${file.name}: ${wrong}`
        deps.log.error({ file: file.name, whole: size, why: wrong }, 'a metadata copy is damaged')
      }
      if (last === null) await putAway(file, wrong, deps)
      else {
        if (newest === null || comparePositions(last.to, newest) > 0) newest = last.to
        if (file.kind === 'snapshot') snapshots.push(snapshotOf(last, size))
        else segments.push({ from: file.position, to: last.to, schema: last.schema, size, isOpen: false })
      }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      unread.add(file.name)
      damage = `${file.name}: ${error.message}`
      deps.log.error({ file: file.name, err: error }, 'a metadata copy cannot be read')
    }
  }
  const held = await cutOverlaps(segments, unread, deps)
  return { holdings: { snapshots, segments: held }, damage, newest, unread }
}

/**
 * A segment begins where the one before it ends. If it begins within that, it was begun when an append to the other one had
 * failed: of what failed some has come through, and nobody was told that it is there.
 */
async function cutOverlaps(
  segments: readonly HeldSegment[],
  unread: Set<string>,
  { files, log }: FindHeldDeps,
): Promise<HeldSegment[]> {
  const held: HeldSegment[] = []
  for (const segment of segments) {
    const [next] = segments
      .filter(({ from }) => isBefore(segment.from, from) && isBefore(from, segment.to))
      .toSorted((one, other) => comparePositions(one.from, other.from))
    const name = segmentName(segment)
    try {
      const size = next === undefined ? null : await files.placeOf(name, segment.size, next.from)
      if (size === null) held.push(segment)
      else {
        log.warn({ file: name, cut: segment.size - size }, 'what a failed append has left is left out')
        held.push({ ...segment, to: next!.from, size })
      }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      unread.add(name)
    }
  }
  return held
}

const isBefore = (one: Epoch, other: Epoch): boolean => comparePositions(one, other) < 0

/** The process that made a name may have ended before it was safe. */
async function namesOf({ files, log }: FindHeldDeps): Promise<FileName[]> {
  try {
    const names = await files.list()
    if (names.length > 0) await files.syncNames()
    return names.flatMap((name) => {
      const parsed = parseCopyFileName(name)
      return parsed === null ? [] : [{ name, ...parsed }]
    })
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    log.error({ err: error }, 'what this server has of the metadata cannot be read')
    return []
  }
}

const snapshotOf = (last: FrameHeader, size: number): HeldSnapshot => ({
  position: last.to,
  schema: last.schema,
  fileBytes: last.fileBytes,
  doneBytes: last.offset + last.rawBytes,
  isComplete: last.kind === 'snapshotEnd',
  size,
})

/** Cuts off a torn tail, and has synced what counts when it resolves. */
async function worthOf(file: FileName, deps: FindHeldDeps): Promise<Worth> {
  const worth = (await completeSnapshot(file, deps)) ?? (await read(file, deps))
  // What is damaged stays as it is, and nothing is appended to it; but parts of a snapshot that is on its way come again.
  const isKept = worth.wrong !== null && worth.last?.kind !== 'snapshot'
  const size = isKept ? Infinity : worth.size
  if (worth.last !== null) await deps.files.settle(file.name, size)
  return worth
}

/** A snapshot whose last frame is its end; null for any other file. */
async function completeSnapshot(
  { name, kind, position }: FileName,
  { files, crc32, clusterId }: FindHeldDeps,
): Promise<Worth | null> {
  const size = kind === 'snapshot' ? await files.size(name) : 0
  if (size < FRAME_HEADER_BYTES) return null
  const header = new Uint8Array(FRAME_HEADER_BYTES)
  await files.readInto(name, size - FRAME_HEADER_BYTES, header)
  const last = parseFrameHeader(header, crc32)
  if (last?.kind !== 'snapshotEnd' || !isSamePosition(last.to, position)) return null
  if (clusterId !== null && last.clusterId !== clusterId) return null
  return { last, size, wrong: null }
}

async function read(file: FileName, { files, crc32, log, clusterId }: FindHeldDeps): Promise<Worth> {
  const { name, position, kind } = file
  const scanner = new FrameScanner(crc32)
  let last: FrameHeader | null = null
  let size = 0
  for await (const piece of files.pieces(name, PIECE_BYTES)) {
    for (const { header, at, bytes } of scanner.push(piece)) {
      const isOwn = clusterId === null || header.clusterId === clusterId
      const isNext = last === null ? isFirst(file, header) : mayFollow(last, header)
      if (!isOwn) return { last, size, wrong: `byte ${at} is of cluster ${header.clusterId}` }
      if (!isNext) return { last, size, wrong: `what stands at byte ${at} does not follow` }
      files.noteFrame(name, header, at)
      last = header
      size = at + bytes.byteLength
    }
  }
  const end = scanner.finish()
  if (end.kind === 'damaged') return { last, size, wrong: `damaged at byte ${end.at} of ${end.size}` }
  if (end.kind === 'torn') {
    log.warn(
      { file: copyFileName(kind, position), cut: end.size - end.at },
      'the end of a metadata copy is torn',
    )
  }
  return { last, size, wrong: null }
}

const isFirst = ({ kind, position }: FileName, { kind: frame, from, offset }: FrameHeader): boolean =>
  frame === kind && offset === 0 && isSamePosition(from, position)

function mayFollow(last: FrameHeader, next: FrameHeader): boolean {
  if (next.schema !== last.schema || next.clusterId !== last.clusterId) return false
  if (last.kind === 'changes') return follows(last.to, next)
  return (
    last.kind === 'snapshot' &&
    next.kind !== 'changes' &&
    isSamePosition(next.to, last.to) &&
    next.fileBytes === last.fileBytes &&
    next.offset === last.offset + last.rawBytes
  )
}

/** Of a file nothing counts: an empty one goes, a damaged one stays for people to look at, out of the way. */
async function putAway({ name }: FileName, wrong: string | null, { files }: FindHeldDeps): Promise<void> {
  if (wrong === null) await files.remove(name)
  else await files.setAside(name)
}
