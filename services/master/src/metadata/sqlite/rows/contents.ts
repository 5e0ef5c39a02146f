/** The rows of versions and their chunks, and of the uploads that are to become some. */
import { type DatabaseSync } from 'node:sqlite'
import {
  type ChunkRow,
  type ChunkRows,
  type MadeBy,
  type SpanningRow,
  type SpanningRows,
  type UploadKey,
  type UploadRow,
  type UploadRows,
  type UploadVolumeRow,
  type VersionRow,
  type VersionRows,
} from '../../../domain/metadata/rows.ts'
import { Insert, listed } from '../insert.ts'
import { Query } from '../query.ts'

const VERSION = [
  'file_id',
  'id',
  'size',
  'crc32',
  'sha256',
  'content_type',
  'executable',
  'content_id',
  'created_wall_ms',
  'copies',
  'zones',
] as const satisfies (keyof VersionRow)[]
const MADE_VERSION = [...VERSION, 'request_server', 'request_incarnation', 'request_number'] as const
const CHUNK = [
  'content_id',
  'start',
  'volume',
  'offset',
  'record_size',
  'length',
  'crc32',
  'copies',
] as const satisfies (keyof ChunkRow)[]
const SPANNING = ['content_id', 'volume'] as const satisfies (keyof SpanningRow)[]
const UPLOAD = [
  'server',
  'incarnation',
  'number',
  'content_id',
  'staged_end',
] as const satisfies (keyof UploadRow)[]
const UPLOAD_VOLUME = ['content_id', 'volume', 'copies'] as const
const GARBAGE = ['content_id', 'since_ms'] as const

export class SqliteVersions implements VersionRows {
  readonly #find: Query<VersionRow>
  readonly #insert: Insert<typeof MADE_VERSION>

  constructor(database: DatabaseSync) {
    this.#find = new Query(database, `SELECT ${listed(VERSION)} FROM versions WHERE file_id = ? AND id = ?`)
    this.#insert = new Insert(database, 'INSERT INTO versions', MADE_VERSION)
  }

  find(file: number, version: number): VersionRow | undefined {
    return this.#find.first(file, version)
  }

  insert(row: VersionRow & MadeBy): void {
    this.#insert.run(row)
  }
}

export class SqliteChunks implements ChunkRows {
  readonly #insert: Insert<typeof CHUNK>
  readonly #from: Query<ChunkRow>
  readonly #anyIn: Query<{ volume: number }>

  constructor(database: DatabaseSync) {
    this.#insert = new Insert(database, 'INSERT INTO chunks', CHUNK)
    this.#from = new Query(
      database,
      `SELECT ${listed(CHUNK)} FROM chunks WHERE content_id = ?1 AND start >=
         ifnull((SELECT max(start) FROM chunks WHERE content_id = ?1 AND start <= ?2), 0)
       ORDER BY start LIMIT ?3 + 0`,
    )
    this.#anyIn = new Query(database, 'SELECT volume FROM chunks WHERE volume = ? LIMIT 1')
  }

  insert(row: ChunkRow): void {
    this.#insert.run(row)
  }

  from(content: number, fromByte: number, countMax: number): ChunkRow[] {
    return this.#from.all(content, fromByte, countMax)
  }

  isAnyIn(volume: number): boolean {
    return this.#anyIn.first(volume) !== undefined
  }
}

export class SqliteSpanning implements SpanningRows {
  readonly #all: Query<SpanningRow>
  readonly #insert: Insert<typeof SPANNING>

  constructor(database: DatabaseSync) {
    this.#all = new Query(
      database,
      `SELECT ${listed(SPANNING)} FROM spanning_contents ORDER BY content_id, volume`,
    )
    this.#insert = new Insert(database, 'INSERT INTO spanning_contents', SPANNING)
  }

  load(): Iterable<SpanningRow> {
    return this.#all.each()
  }

  insert(row: SpanningRow): void {
    this.#insert.run(row)
  }
}

export class SqliteUploads implements UploadRows {
  readonly #queries: ReturnType<typeof prepareUploads>

  constructor(database: DatabaseSync) {
    this.#queries = prepareUploads(database)
  }

  find({ server, incarnation, number }: UploadKey): UploadRow | undefined {
    return this.#queries.find.first(server, incarnation, number)
  }

  before(server: number, incarnation: number): UploadRow[] {
    return this.#queries.before.all(server, incarnation)
  }

  put(row: UploadRow): void {
    this.#queries.put.run(row)
  }

  remove({ server, incarnation, number }: UploadKey): void {
    this.#queries.remove.run(server, incarnation, number)
  }

  volumesOf(content: number): UploadVolumeRow[] {
    return this.#queries.volumes.all(content)
  }

  lowerVolume(content: number, row: UploadVolumeRow): void {
    this.#queries.lowerVolume.run({ content_id: content, ...row })
  }

  removeVolumes(content: number): void {
    this.#queries.removeVolumes.run(content)
  }

  insertGarbage(content: number, sinceMs: number): void {
    this.#queries.insertGarbage.run({ content_id: content, since_ms: sinceMs })
  }
}

const prepareUploads = (database: DatabaseSync) => ({
  find: new Query<UploadRow>(
    database,
    `SELECT ${listed(UPLOAD)} FROM uploads WHERE server = ? AND incarnation = ? AND number = ?`,
  ),
  before: new Query<UploadRow>(
    database,
    `SELECT ${listed(UPLOAD)} FROM uploads WHERE server = ? AND incarnation < ?`,
  ),
  put: new Insert(database, 'INSERT OR REPLACE INTO uploads', UPLOAD),
  remove: new Query(database, 'DELETE FROM uploads WHERE server = ? AND incarnation = ? AND number = ?'),
  volumes: new Query<UploadVolumeRow>(
    database,
    'SELECT volume, copies FROM upload_volumes WHERE content_id = ? ORDER BY volume',
  ),
  lowerVolume: new Insert(
    database,
    'INSERT INTO upload_volumes',
    UPLOAD_VOLUME,
    'ON CONFLICT DO UPDATE SET copies = min(copies, excluded.copies) WHERE excluded.copies < copies',
  ),
  removeVolumes: new Query(database, 'DELETE FROM upload_volumes WHERE content_id = ?'),
  insertGarbage: new Insert(database, 'INSERT INTO garbage', GARBAGE),
})
