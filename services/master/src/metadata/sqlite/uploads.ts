/**
 * Large writes under way: what was staged under an upload's id. Dropping one is a row
 * moved to `garbage`, however much was staged: its chunk rows stay until the cleaner takes them with their bytes.
 */
import { type DatabaseSync } from 'node:sqlite'
import { type ChunkPlacement, type RequestId } from '@dfs/protocol'
import { Insert } from './insert.ts'
import { Query } from './query.ts'

export interface Upload {
  readonly content: number
  readonly stagedEnd: number
}

/** The fewest copies that any chunk of an upload had in one volume. */
export interface UploadVolume {
  readonly volume: number
  readonly copies: number
}

export class Uploads {
  readonly #queries: ReturnType<typeof prepare>

  constructor(database: DatabaseSync) {
    this.#queries = prepare(database)
  }

  find({ server, incarnation, number }: RequestId): Upload | undefined {
    return this.#queries.find.first(server, incarnation, number)
  }

  /** Records that one more chunk was staged; makes the upload where it is the first. */
  stage({ server, incarnation, number }: RequestId, upload: Upload, chunk: ChunkPlacement): void {
    const { content: content_id, stagedEnd: staged_end } = upload
    this.#queries.put.run({ server, incarnation, number, content_id, staged_end })
    this.#queries.putVolume.run({ content_id, volume: chunk.volume, copies: chunk.copies })
  }

  volumesOf(upload: Upload): UploadVolume[] {
    return this.#queries.volumes.all(upload.content)
  }

  /** Ends an upload whose content has become a version's. */
  finish(id: RequestId, upload: Upload): void {
    this.#queries.remove.run(id.server, id.incarnation, id.number)
    this.#queries.removeVolumes.run(upload.content)
  }

  /** Ends an upload whose content nothing will refer to. */
  drop(id: RequestId, upload: Upload, nowWallMs: number): void {
    this.finish(id, upload)
    this.#queries.putGarbage.run({ content_id: upload.content, since_ms: nowWallMs })
  }

  /** Drops what earlier incarnations of a server have left. */
  endIncarnation(server: number, incarnation: number, nowWallMs: number): void {
    for (const row of this.#queries.ended.all(server, incarnation)) {
      this.drop({ server, incarnation: row.incarnation, number: row.number }, row, nowWallMs)
    }
  }
}

const UPLOAD = ['server', 'incarnation', 'number', 'content_id', 'staged_end'] as const
const UPLOAD_VOLUME = ['content_id', 'volume', 'copies'] as const
const GARBAGE = ['content_id', 'since_ms'] as const

const prepare = (database: DatabaseSync) => ({
  find: new Query<Upload>(
    database,
    `SELECT content_id AS content, staged_end AS stagedEnd FROM uploads
     WHERE server = ? AND incarnation = ? AND number = ?`,
  ),
  put: new Insert(database, 'INSERT OR REPLACE INTO uploads', UPLOAD),
  putVolume: new Insert(
    database,
    'INSERT INTO upload_volumes',
    UPLOAD_VOLUME,
    'ON CONFLICT DO UPDATE SET copies = min(copies, excluded.copies) WHERE excluded.copies < copies',
  ),
  volumes: new Query<UploadVolume>(
    database,
    'SELECT volume, copies FROM upload_volumes WHERE content_id = ? ORDER BY volume',
  ),
  remove: new Query(database, 'DELETE FROM uploads WHERE server = ? AND incarnation = ? AND number = ?'),
  removeVolumes: new Query(database, 'DELETE FROM upload_volumes WHERE content_id = ?'),
  putGarbage: new Insert(database, 'INSERT INTO garbage', GARBAGE),
  ended: new Query<Upload & { incarnation: number; number: number }>(
    database,
    `SELECT content_id AS content, staged_end AS stagedEnd, incarnation, number FROM uploads
     WHERE server = ? AND incarnation < ?`,
  ),
})
