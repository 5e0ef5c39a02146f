/**
 * What `dfs recover` reads of a database of the master that nobody has open: whose it is, how far it is, and what it knows of
 * the volumes, so that what it does not know can be told. It knows the tables that it reads, of every schema since there are starts.
 */
import { type DatabaseSync } from 'node:sqlite'
import { SCHEMA_VERSIONS_KNOWN } from '@dfs/fsck'
import { DfsError, type Epoch } from '@dfs/protocol'
import { type KnownServer } from '../recover/history.ts'

/** Older ones do not know the starts of the master. */
const SCHEMA_OLDEST = 4
/** As they stand in the tables. */
const OPEN_VOLUME = 1
const LARGE_KIND = 2
const REMOVED_SERVER = 3

export interface ServerFacts extends KnownServer {
  readonly id: number
  readonly zone: string
}

export interface VolumeFacts {
  readonly id: number
  readonly isOpen: boolean
  /** Holds chunks of long files, and no record tells how many of them there are. */
  readonly isLarge: boolean
  readonly committedEnd: number
  readonly replicas: readonly { readonly id: number; readonly server: number }[]
}

export interface MetadataFacts {
  readonly clusterId: string
  /** The last start of the master, and the transactions in here. */
  readonly epoch: Epoch
  readonly files: number
  readonly servers: readonly ServerFacts[]
  readonly volumes: readonly VolumeFacts[]
  /** Those that were deleted, or are being: whatever turns up of them is nobody's. */
  readonly deletedVolumes: ReadonlySet<number>
  /** Copies that were dropped of volumes that are there. */
  readonly droppedReplicas: ReadonlySet<number>
  /**
   * The servers that were to hold a copy of this metadata: the set that counted, and the one that was to count next. Whoever
   * reaches most of each learns of everything that was ever promised by copies. Null if it does not say.
   */
  readonly holders: { readonly counting: readonly number[]; readonly next: readonly number[] } | null
}

/** A chunk of a write under way, as a row tells of it. */
export interface StagedChunk {
  readonly start: number
  readonly volume: number
  readonly offset: number
  readonly length: number
  readonly crc32: number
  readonly copies: number
}

/** A long write that was under way: it may have been finished since. */
export interface StagedUpload {
  readonly server: number
  readonly incarnation: number
  readonly number: number
  readonly content: number
  /** By start, without gaps from 0 on. */
  readonly chunks: readonly StagedChunk[]
}

/** Throws UNAVAILABLE if the schema is none that is known, INVALID_REQUEST if it is no metadata. */
export function readFacts(database: DatabaseSync): MetadataFacts {
  requireKnownSchema(database)
  const state = database.prepare('SELECT cluster_id, epoch, nonce, sequence, files FROM state').get()
  if (state === undefined)
    throw new DfsError('INVALID_REQUEST', 'the metadata is empty: no master has ever started on it')
  return {
    clusterId: String(state['cluster_id']),
    epoch: {
      counter: Number(state['epoch']),
      nonce: String(state['nonce']),
      sequence: Number(state['sequence']),
    },
    files: Number(state['files']),
    servers: serversIn(database),
    volumes: volumesIn(database),
    deletedVolumes: new Set(numbersIn(database, 'deleted_volumes', 'id')),
    droppedReplicas: new Set(numbersIn(database, 'dropped_replicas', 'id')),
    holders: hasTable(database, 'metadata_holders')
      ? { counting: holdersIn(database, 'counts'), next: holdersIn(database, 'will_count') }
      : null,
  }
}

function requireKnownSchema(database: DatabaseSync): void {
  const version = schemaOf(database)
  const { last } = SCHEMA_VERSIONS_KNOWN
  if (version > last) {
    throw new DfsError(
      'UNAVAILABLE',
      `the metadata has schema ${version}, this program knows ${SCHEMA_OLDEST} to ${last}: use the \`dfs\` of the newest program`,
    )
  }
  if (version >= SCHEMA_OLDEST) return
  throw new DfsError(
    'UNAVAILABLE',
    `the metadata has schema ${version}, this program knows ${SCHEMA_OLDEST} to ${last}: it is no metadata of a master, or older than new histories`,
  )
}

export const schemaOf = (database: DatabaseSync): number =>
  Number(database.prepare('PRAGMA user_version').get()?.['user_version'])

/** Not those that were removed: they are asked for nothing, and nobody has to give them up. */
const serversIn = (database: DatabaseSync): ServerFacts[] =>
  database
    .prepare(
      `SELECT id, disk_uid, name, internal_address, zone FROM servers ${hasColumn(database, 'servers', 'mode') ? `WHERE mode <> ${REMOVED_SERVER}` : ''} ORDER BY id`,
    )
    .all()
    .map((row) => ({
      id: Number(row['id']),
      name: String(row['name']),
      diskUid: String(row['disk_uid']),
      internalAddress: String(row['internal_address']),
      zone: String(row['zone']),
    }))

function volumesIn(database: DatabaseSync): VolumeFacts[] {
  const replicas = new Map<number, { id: number; server: number }[]>()
  for (const row of database.prepare('SELECT id, volume, server FROM replicas ORDER BY id').iterate()) {
    const volume = Number(row['volume'])
    const known = replicas.get(volume) ?? []
    replicas.set(volume, known)
    known.push({ id: Number(row['id']), server: Number(row['server']) })
  }
  return database
    .prepare('SELECT id, state, kind, committed_end FROM volumes ORDER BY id')
    .all()
    .map((row) => ({
      id: Number(row['id']),
      isOpen: Number(row['state']) === OPEN_VOLUME,
      isLarge: Number(row['kind']) === LARGE_KIND,
      committedEnd: Number(row['committed_end']),
      replicas: replicas.get(Number(row['id'])) ?? [],
    }))
}

/** None where an earlier program had no such table. */
const numbersIn = (database: DatabaseSync, table: string, column: string): number[] =>
  hasTable(database, table)
    ? database
        .prepare(`SELECT ${column} AS number FROM ${table} ORDER BY 1`)
        .all()
        .map((row) => Number(row['number']))
    : []

const holdersIn = (database: DatabaseSync, column: 'counts' | 'will_count'): number[] =>
  database
    .prepare(`SELECT server FROM metadata_holders WHERE ${column} = 1 ORDER BY server`)
    .all()
    .map((row) => Number(row['server']))

export const hasTable = (database: DatabaseSync, table: string): boolean =>
  database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table) !== undefined

export const hasColumn = (database: DatabaseSync, table: string, column: string): boolean =>
  database.prepare('SELECT 1 FROM pragma_table_info(?) WHERE name = ?').get(table, column) !== undefined

/** Which of these requests have made a version. There is no index by them: all versions are looked at once. */
export function knownRequests(database: DatabaseSync, wanted: ReadonlySet<string>): Set<string> {
  const known = new Set<string>()
  if (wanted.size === 0) return known
  const rows = database
    .prepare(
      'SELECT request_server AS server, request_incarnation AS incarnation, request_number AS number FROM versions',
    )
    .iterate()
  for (const { server, incarnation, number } of rows) {
    const key = `${Number(server)}.${Number(incarnation)}.${Number(number)}`
    if (wanted.has(key)) known.add(key)
  }
  return known
}

/** Long writes that were under way. */
export function stagedUploads(database: DatabaseSync): StagedUpload[] {
  const chunks = database.prepare(
    'SELECT start, volume, "offset", length, crc32, copies FROM chunks WHERE content_id = ? ORDER BY start',
  )
  return database
    .prepare('SELECT server, incarnation, number, content_id FROM uploads ORDER BY content_id')
    .all()
    .map((row) => ({
      server: Number(row['server']),
      incarnation: Number(row['incarnation']),
      number: Number(row['number']),
      content: Number(row['content_id']),
      chunks: chunks.all(Number(row['content_id'])).map((chunk) => ({
        start: Number(chunk['start']),
        volume: Number(chunk['volume']),
        offset: Number(chunk['offset']),
        length: Number(chunk['length']),
        crc32: Number(chunk['crc32']),
        copies: Number(chunk['copies']),
      })),
    }))
}
