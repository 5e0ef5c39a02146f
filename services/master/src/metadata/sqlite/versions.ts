/** The versions of files: immutable, kept for ever. */
import { type DatabaseSync } from 'node:sqlite'
import { type FileInfo, type RequestId } from '@dfs/protocol'
import { Insert, listed } from './insert.ts'
import { Query } from './query.ts'

interface VersionRow {
  readonly file_id: number
  readonly id: number
  readonly size: number
  readonly crc32: number
  readonly sha256: Uint8Array | null
  readonly content_type: string
  readonly executable: number
  readonly content_id: number | null
  readonly created_wall_ms: number
  readonly copies: number
  readonly zones: number
}

export interface Version {
  readonly info: FileInfo
  /** What its chunks are filed under; null where it has none. */
  readonly content: number | null
}

const KNOWN = [
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
const COLUMNS = [...KNOWN, 'request_server', 'request_incarnation', 'request_number'] as const

export class Versions {
  readonly #find: Query<VersionRow>
  readonly #insert: Insert<typeof COLUMNS>

  constructor(database: DatabaseSync) {
    this.#find = new Query(database, `SELECT ${listed(KNOWN)} FROM versions WHERE file_id = ? AND id = ?`)
    this.#insert = new Insert(database, 'INSERT INTO versions', COLUMNS)
  }

  find(file: number, version: number): Version | undefined {
    const row = this.#find.first(file, version)
    return row === undefined ? undefined : { info: infoOf(row), content: row.content_id }
  }

  insert({ info, content }: Version, request: RequestId): void {
    this.#insert.run({
      file_id: info.file,
      id: info.version,
      size: info.size,
      crc32: info.crc32,
      sha256: info.sha256,
      content_type: info.contentType,
      executable: info.executable ? 1 : 0,
      content_id: content,
      created_wall_ms: info.modifiedMs,
      copies: info.copies,
      zones: info.zones,
      request_server: request.server,
      request_incarnation: request.incarnation,
      request_number: request.number,
    })
  }
}

const infoOf = (row: VersionRow): FileInfo => ({
  kind: 'file',
  file: row.file_id,
  version: row.id,
  size: row.size,
  crc32: row.crc32,
  sha256: row.sha256,
  contentType: row.content_type,
  executable: row.executable === 1,
  modifiedMs: row.created_wall_ms,
  copies: row.copies,
  zones: row.zones,
})
