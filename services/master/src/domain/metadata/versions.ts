/** The versions of files: immutable, kept for ever. */
import { type FileInfo, type CommandId } from '@dfs/protocol'
import { type MadeBy, type VersionRow } from './rows.ts'

export interface Version {
  readonly info: FileInfo
  /** What its chunks are filed under; null if it has none. */
  readonly content: number | null
}

export const versionOf = (row: VersionRow): Version => ({ info: infoOf(row), content: row.content_id })

export const versionRowOf = ({ info, content }: Version, request: CommandId): VersionRow & MadeBy => ({
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
