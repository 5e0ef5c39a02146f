/**
 * The copy of the metadata that a power cut at this moment would leave on a disk: read from its files alone, as whoever recovers
 * would, and not by the program that wrote them.
 */
import { DatabaseSync } from 'node:sqlite'
import { concatBytes } from '@dfs/core'
import {
  comparePositions,
  type CopyFileKind,
  type Frame,
  FRAME_HEADER_BYTES,
  type FrameHeader,
  FrameScanner,
  isSamePosition,
  METADATA_COPIES_DIRECTORY,
  parseCopyFileName,
  parseFrameHeader,
  storedOf,
  unpackChangeSets,
} from '@dfs/metadata-copy'
import { crc32 } from '@dfs/node-runtime'
import { type Epoch } from '@dfs/protocol'
import { type SimDisk, uncompressed } from '@dfs/sim-runtime'

export interface HeldMetadata {
  readonly position: Epoch
  /** Of the snapshot, then of the change sets. */
  readonly snapshot: readonly Frame[]
  readonly changes: readonly Frame[]
}

interface CopyFile {
  readonly path: string
  readonly kind: CopyFileKind
  readonly position: Epoch
}

/** Where the newest whole copy is; null if there is none. Frames are believed by their headers and their lengths. */
export function heldPosition(disk: SimDisk): Epoch | null {
  const files = filesOf(disk)
  const snapshot = files.find((file) => file.kind === 'snapshot' && endsWhole(disk, file))
  if (snapshot === undefined) return null
  let { position } = snapshot
  for (const { last } of segmentsBehind(files, position, (path) => headersOf(disk, path))) position = last.to
  return position
}

/** The newest whole copy; null if there is none. */
export function heldMetadata(disk: SimDisk): HeldMetadata | null {
  const files = filesOf(disk)
  const whole = files.find((file) => file.kind === 'snapshot' && endsWhole(disk, file))
  if (whole === undefined) return null
  const changes: Frame[] = []
  for (const { path, count } of segmentsBehind(files, whole.position, (name) => headersOf(disk, name)))
    changes.push(...framesOf(disk, path).slice(0, count))
  const position = changes.at(-1)?.header.to ?? whole.position
  return { position, snapshot: framesOf(disk, whole.path), changes }
}

/** The newest first. */
const filesOf = (disk: SimDisk): CopyFile[] =>
  [...disk.names.durable().keys()]
    .flatMap((path) => {
      const [directory, name = ''] = path.split('/')
      const parsed = directory === METADATA_COPIES_DIRECTORY ? parseCopyFileName(name) : null
      return parsed === null ? [] : [{ path, ...parsed }]
    })
    .toSorted((one, other) => comparePositions(other.position, one.position))

/** Whether a snapshot has its end. */
function endsWhole(disk: SimDisk, { path }: CopyFile): boolean {
  const bytes = disk.durable(path)
  if (bytes === null || bytes.byteLength < FRAME_HEADER_BYTES) return false
  return parseFrameHeader(bytes.subarray(-FRAME_HEADER_BYTES), crc32)?.kind === 'snapshotEnd'
}

/** Segments that lead on from a position, each with how many of its frames do, and the last of them. */
function* segmentsBehind(
  files: readonly CopyFile[],
  position: Epoch,
  headers: (path: string) => readonly FrameHeader[],
): Generator<{ path: string; count: number; last: FrameHeader }> {
  for (let end = position; ;) {
    const segment = files.find((file) => file.kind === 'changes' && isSamePosition(file.position, end))
    if (segment === undefined) return
    const found: FrameHeader[] = []
    for (const header of headers(segment.path)) {
      if (!isSamePosition(header.from, end)) break
      found.push(header)
      end = header.to
    }
    const last = found.at(-1)
    if (last === undefined) return
    yield { path: segment.path, count: found.length, last }
  }
}

/** What was read of files that only grow: each look reads on. */
const read = new WeakMap<SimDisk, Map<string, { at: number; headers: FrameHeader[] }>>()

function headersOf(disk: SimDisk, path: string): readonly FrameHeader[] {
  const bytes = disk.durable(path) ?? new Uint8Array(0)
  const files = read.get(disk) ?? new Map<string, { at: number; headers: FrameHeader[] }>()
  read.set(disk, files)
  const known = files.get(path)
  const file = known === undefined || known.at > bytes.byteLength ? { at: 0, headers: [] } : known
  files.set(path, file)
  while (file.at + FRAME_HEADER_BYTES <= bytes.byteLength) {
    const header = parseFrameHeader(bytes.subarray(file.at, file.at + FRAME_HEADER_BYTES), crc32)
    const end = file.at + FRAME_HEADER_BYTES + (header?.storedBytes ?? Infinity)
    if (header === null || end > bytes.byteLength) break
    file.headers.push(header)
    file.at = end
  }
  return file.headers
}

/** All rows of all tables that the copy comes to, as text. */
export async function rowsHeld({ snapshot, changes }: HeldMetadata): Promise<string> {
  using database = new DatabaseSync(':memory:')
  database.deserialize(concatBytes(await Promise.all(snapshot.slice(0, -1).map(rawOf))))
  for (const frame of changes) {
    for (const changeSet of unpackChangeSets(await rawOf(frame))) {
      if (!database.applyChangeset(changeSet)) throw new Error('a change set meets other rows')
    }
  }
  return rowsOf((sql) => database.prepare(sql).all())
}

const rawOf = (frame: Frame): Promise<Uint8Array> =>
  uncompressed.decompress(storedOf(frame), frame.header.rawBytes)

/** The same of any database. */
export function rowsOf(ask: (sql: string) => Iterable<Record<string, unknown>>): string {
  const tables = [...ask("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
  const rows = tables.map(({ name }) => {
    const all = Array.from(ask(`SELECT * FROM "${String(name)}"`), (row) => JSON.stringify(row, shown))
    return [name, all.toSorted()]
  })
  return JSON.stringify(rows)
}

const shown = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value

function framesOf(disk: SimDisk, path: string): Frame[] {
  const bytes = disk.durable(path)
  return bytes === null ? [] : [...new FrameScanner(crc32).push(bytes.slice())]
}
