/**
 * The copy of the metadata that a power cut at this moment would leave on a disk: read from its files alone, as whoever recovers
 * would, and not by the program that wrote them.
 */
import { DatabaseSync } from 'node:sqlite'
import { concatBytes } from '@dfs/core'
import {
  comparePositions,
  type Frame,
  FrameScanner,
  isSamePosition,
  METADATA_COPIES_DIRECTORY,
  parseCopyFileName,
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

/** The newest whole copy; null if there is none. */
export function heldMetadata(disk: SimDisk): HeldMetadata | null {
  const files = [...disk.names.durable().keys()].flatMap((path) => {
    const [directory, name = ''] = path.split('/')
    const parsed = directory === METADATA_COPIES_DIRECTORY ? parseCopyFileName(name) : null
    return parsed === null ? [] : [{ path, ...parsed }]
  })
  const snapshots = files
    .filter(({ kind }) => kind === 'snapshot')
    .toSorted((one, other) => comparePositions(other.position, one.position))
  for (const { path, position } of snapshots) {
    const snapshot = framesOf(disk, path)
    if (snapshot.at(-1)?.header.kind !== 'snapshotEnd') continue
    const changes: Frame[] = []
    let end = position
    for (;;) {
      const segment = files.find(
        (file) => file.kind === 'changes' && isSamePosition(file.position, end) && file.position !== end,
      )
      if (segment === undefined) break
      const found = following(end, framesOf(disk, segment.path))
      if (found.length === 0) break
      changes.push(...found)
      end = found.at(-1)!.header.to
    }
    return { position: end, snapshot, changes }
  }
  return null
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

/** As far as one leads on from the other. */
function following(position: Epoch, frames: readonly Frame[]): Frame[] {
  let end = position
  const found: Frame[] = []
  for (const frame of frames) {
    if (!isSamePosition(frame.header.from, end)) break
    found.push(frame)
    end = frame.header.to
  }
  return found
}
