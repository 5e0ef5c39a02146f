/** Chunks, in order, under the id of the content that they make up. A chunk is a row; nothing copies lists of them (R11). */
import { type DatabaseSync } from 'node:sqlite'
import { type ChunkPlacement, type LocatedChunk } from '@dfs/protocol'
import { Insert, listed } from './insert.ts'
import { Query } from './query.ts'

interface ChunkRow {
  readonly start: number
  readonly volume: number
  readonly offset: number
  readonly record_size: number
  readonly length: number
  readonly crc32: number
  readonly copies: number
}

const PLACEMENT = ['start', 'volume', 'offset', 'record_size', 'length', 'crc32', 'copies'] as const
const COLUMNS = ['content_id', ...PLACEMENT] as const

export class Contents {
  readonly #insert: Insert<typeof COLUMNS>
  readonly #from: Query<ChunkRow>

  constructor(database: DatabaseSync) {
    this.#insert = new Insert(database, 'INSERT INTO chunks', COLUMNS)
    this.#from = new Query(
      database,
      `SELECT ${listed(PLACEMENT)} FROM chunks WHERE content_id = ?1 AND start >=
         ifnull((SELECT max(start) FROM chunks WHERE content_id = ?1 AND start <= ?2), 0)
       ORDER BY start LIMIT ?3 + 0`,
    )
  }

  add(content: number, start: number, chunk: ChunkPlacement): void {
    const { volume, offset, recordSize: record_size, length, crc32, copies } = chunk
    this.#insert.run({ content_id: content, start, volume, offset, record_size, length, crc32, copies })
  }

  /** The chunk that holds byte `fromByte` (which must lie within the content) and those after it. */
  from(content: number, fromByte: number, countMax: number): LocatedChunk[] {
    return this.#from.all(content, fromByte, countMax).map((row) => ({
      start: row.start,
      volume: row.volume,
      offset: row.offset,
      recordSize: row.record_size,
      length: row.length,
      crc32: row.crc32,
      copies: row.copies,
    }))
  }
}
