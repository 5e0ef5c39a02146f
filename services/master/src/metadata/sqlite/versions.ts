/** The versions of files: immutable, kept for ever. */
import { type DatabaseSync } from 'node:sqlite'
import { type FileInfo, type RequestId } from '@dfs/protocol'
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

export class Versions {
  readonly #find: Query<VersionRow>
  readonly #insert: Query

  constructor(database: DatabaseSync) {
    this.#find = new Query(database, 'SELECT * FROM versions WHERE file_id = ? AND id = ?')
    this.#insert = new Query(
      database,
      'INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
  }

  find(file: number, version: number): Version | undefined {
    const row = this.#find.first(file, version)
    return row === undefined ? undefined : { info: infoOf(row), content: row.content_id }
  }

  insert({ info, content }: Version, request: RequestId): void {
    const what = [info.file, info.version, info.size, info.crc32, info.sha256, info.contentType] as const
    const when = [info.executable ? 1 : 0, content, info.modifiedMs] as const
    const receipt = [info.copies, info.zones] as const
    this.#insert.run(...what, ...when, request.server, request.incarnation, request.number, ...receipt)
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
