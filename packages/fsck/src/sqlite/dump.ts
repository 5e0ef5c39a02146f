/** The dump of the metadata out of the master's database, and all that the check needs to know of its tables. */
import { type Epoch } from '@dfs/protocol'
import {
  type Chunk,
  type Entry,
  type EntryKind,
  type History,
  type Live,
  type MetadataDump,
  type PlacedChunk,
  type Replica,
  type Trashed,
  type Version,
  type Volume,
} from '../metadata.ts'
import { type Query, type Row } from './query.ts'

const OPEN_VOLUME = 1
const DELETING_VOLUME = 3
const REMOVED_SERVER = 3
const FILE = 1
const DIRECTORY = 2
const ENTRY_KINDS: readonly (EntryKind | null)[] = [null, 'file', 'directory', 'link']
const REPLICA_STATES: readonly (Replica['state'] | null)[] = [
  null,
  'open',
  'unverified',
  'in-sync',
  'damaged',
  'lost',
  'copying',
  'surplus',
  'dropping',
]

const VOLUME_COLUMNS = 'id, state, primary_server, primary_incarnation, committed_end, sealed_length, salt'
const LIVE_COLUMNS = 'live_bytes, live_chunks, live_files'
/** Versions have no index by their content: one is made for the statement, and it is one statement for all volumes. */
const chunksByVolume = (query: Query): string => {
  const hasPartial = tablesOf(query).has('partial_contents')
  const [from, join] = hasPartial
    ? ['ifnull(p.from_byte, 0)', 'LEFT JOIN partial_contents p ON p.content_id = c.content_id']
    : ['0', '']
  return `
  SELECT c.content_id, c.start, c.start + ${from} AS start_in_file, c.volume, c."offset", c.record_size, c.length, c.crc32, v.request_number,
    v.content_id IS NOT NULL AS is_of_version
  FROM chunks c LEFT JOIN (
    SELECT content_id, min(CASE WHEN content_id = id THEN request_number END) AS request_number
    FROM versions WHERE content_id IS NOT NULL GROUP BY content_id
  ) v ON v.content_id = c.content_id ${join} ORDER BY c.volume, c."offset"`
}
const SPANNING = 'SELECT content_id, volume FROM spanning_contents ORDER BY content_id, volume'
const CONTENTS_IN_USE = `SELECT content_id FROM versions WHERE content_id IS NOT NULL
  UNION SELECT content_id FROM uploads UNION SELECT content_id FROM garbage`
const VERSIONS = 'SELECT file_id, id, size, content_id FROM versions'
const ENTRIES = 'SELECT parent_id, name, kind, id, version, size FROM entries'

export const sqliteDump = (query: Query): MetadataDump => ({
  totals: () => {
    const [row = {}] = query('SELECT files, directories, links, file_bytes FROM state')
    const [files, directories, links] = [
      integer(row, 'files'),
      integer(row, 'directories'),
      integer(row, 'links'),
    ]
    return { files, directories, links, fileBytes: integer(row, 'file_bytes') }
  },
  history: () => historyOf(query),
  servers: () =>
    rowsOf(query(`SELECT ${serverColumns(query)} FROM servers ORDER BY id`), (row) => ({
      id: integer(row, 'id'),
      diskUid: String(row['disk_uid']),
      name: String(row['name']),
      isRemoved: row['mode'] === REMOVED_SERVER,
    })),
  volumes: () => rowsOf(query(volumesQuery(query)), (row) => volumeOf(query, row)),
  deletedVolumes: () =>
    tablesOf(query).has('deleted_volumes')
      ? rowsOf(query('SELECT id FROM deleted_volumes ORDER BY id'), (row) => integer(row, 'id'))
      : [],
  copiesUnderWay: () =>
    tablesOf(query).has('repairs')
      ? rowsOf(query('SELECT replica FROM repairs WHERE state = 1'), (row) => integer(row, 'replica'))
      : null,
  chunksByVolume: () => rowsOf(query(chunksByVolume(query)), chunkOf),
  chunks: () =>
    rowsOf(
      query('SELECT content_id, start, length, volume FROM chunks ORDER BY content_id, start'),
      placedChunkOf,
    ),
  spanningContents: () =>
    tablesOf(query).has('spanning_contents')
      ? rowsOf(query(SPANNING), (row) => {
          return { content: integer(row, 'content_id'), volume: integer(row, 'volume') }
        })
      : null,
  contentsInUse: () => rowsOf(query(contentsInUse(query)), (row) => integer(row, 'content_id')),
  versions: () => rowsOf(query(`${VERSIONS} ORDER BY file_id, id`), versionOf),
  versionsByContent: () => rowsOf(query(`${VERSIONS} ORDER BY content_id`), versionOf),
  entries: () => rowsOf(query(`${ENTRIES} ORDER BY parent_id, name`), entryOf),
  files: () => rowsOf(query(`${ENTRIES} WHERE kind = ${FILE} ORDER BY id, version`), entryOf),
  directories: () => rowsOf(query(`${ENTRIES} WHERE kind = ${DIRECTORY}`), entryOf),
  trash: () => rowsOf(query('SELECT id, kind, is_counted FROM trash ORDER BY id'), trashedOf),
})

function* rowsOf<T>(rows: Iterable<Row>, read: (row: Row) => T): Generator<T> {
  for (const row of rows) yield read(row)
}

const integer = (row: Row, name: string): number => Number(row[name])
const integerOrNull = (row: Row, name: string): number | null =>
  row[name] === null ? null : integer(row, name)
const kindOf = (row: Row): EntryKind => ENTRY_KINDS[integer(row, 'kind')] ?? 'link'

const epochOf = (row: Row, counter: string): Epoch => ({
  counter: integer(row, counter),
  nonce: String(row['nonce']),
  sequence: integer(row, 'sequence'),
})

/** Before copies were made again no server was removed. */
const serverColumns = (query: Query): string =>
  tablesOf(query).has('repairs') ? 'id, disk_uid, name, mode' : 'id, disk_uid, name'

/** Before volumes were deleted nothing was counted. */
const volumesQuery = (query: Query): string => {
  const columns = tablesOf(query).has('deleted_volumes')
    ? `${VOLUME_COLUMNS}, ${LIVE_COLUMNS}`
    : VOLUME_COLUMNS
  return `SELECT ${columns} FROM volumes ORDER BY id`
}

/** With those that a new history has found and that have no name yet. */
const contentsInUse = (query: Query): string => {
  const found = tablesOf(query).has('salvage') ? ' UNION SELECT id FROM salvage' : ''
  return `${CONTENTS_IN_USE}${found} ORDER BY content_id`
}

/** A database of an earlier program has fewer. */
const tablesOf = (query: Query): ReadonlySet<string> =>
  new Set(rowsOf(query("SELECT name FROM sqlite_schema WHERE type = 'table'"), (row) => String(row['name'])))

function historyOf(query: Query): History {
  const [now = { epoch: 0, nonce: '', sequence: 0 }] = query('SELECT epoch, nonce, sequence FROM state')
  const names = tablesOf(query)
  const starts = names.has('starts')
    ? query('SELECT counter, nonce, sequence FROM starts ORDER BY counter')
    : []
  const [begun = {}] = names.has('histories')
    ? query('SELECT coalesce(max(counter), 0) AS counter FROM histories')
    : [{ counter: 0 }]
  return {
    now: epochOf(now, 'epoch'),
    starts: [...rowsOf(starts, (row) => epochOf(row, 'counter'))],
    begunWith: integer(begun, 'counter'),
  }
}

const volumeOf = (query: Query, row: Row): Volume => {
  const id = integer(row, 'id')
  return {
    id,
    isOpen: row['state'] === OPEN_VOLUME,
    isDeleting: row['state'] === DELETING_VOLUME,
    live: liveOf(row),
    primaryServer: integer(row, 'primary_server'),
    primaryIncarnation: integer(row, 'primary_incarnation'),
    committedEnd: integer(row, 'committed_end'),
    sealedLength: integerOrNull(row, 'sealed_length'),
    salt: String(row['salt']),
    replicas: [...query('SELECT id, server, state FROM replicas WHERE volume = ? ORDER BY id', id)].map(
      (replica) => ({
        replica: integer(replica, 'id'),
        server: integer(replica, 'server'),
        state: REPLICA_STATES[integer(replica, 'state')] ?? 'lost',
      }),
    ),
  }
}

/** Columns that a database of an earlier program has not. */
const liveOf = (row: Row): Live | null =>
  'live_bytes' in row
    ? {
        bytes: integer(row, 'live_bytes'),
        chunks: integer(row, 'live_chunks'),
        files: integer(row, 'live_files'),
      }
    : null

const chunkOf = (row: Row): Chunk => ({
  volume: integer(row, 'volume'),
  content: integer(row, 'content_id'),
  start: integer(row, 'start'),
  startInFile: integer(row, 'start_in_file'),
  offset: integer(row, 'offset'),
  recordSize: integer(row, 'record_size'),
  length: integer(row, 'length'),
  crc32: integer(row, 'crc32'),
  isOfVersion: integer(row, 'is_of_version') === 1,
  requestNumber: integerOrNull(row, 'request_number'),
})

const placedChunkOf = (row: Row): PlacedChunk => ({
  content: integer(row, 'content_id'),
  start: integer(row, 'start'),
  length: integer(row, 'length'),
  volume: integer(row, 'volume'),
})

const versionOf = (row: Row): Version => ({
  file: integer(row, 'file_id'),
  id: integer(row, 'id'),
  size: integer(row, 'size'),
  content: integerOrNull(row, 'content_id'),
})

const entryOf = (row: Row): Entry => ({
  parent: integer(row, 'parent_id'),
  name: String(row['name']),
  kind: kindOf(row),
  id: integer(row, 'id'),
  version: integer(row, 'version'),
  size: integer(row, 'size'),
})

const trashedOf = (row: Row): Trashed => ({
  id: integer(row, 'id'),
  kind: kindOf(row),
  isCounted: integer(row, 'is_counted') !== 0,
})
