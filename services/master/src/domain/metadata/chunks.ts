/** Chunks, in order, under the id of the content that they make up. A chunk is a row; nothing copies lists of them (R11). */
import { type ChunkPlacement, type LocatedChunk } from '@dfs/protocol'
import { type ChunkRow } from './rows.ts'

export const chunkRowOf = (content: number, start: number, chunk: ChunkPlacement): ChunkRow => ({
  content_id: content,
  start,
  volume: chunk.volume,
  offset: chunk.offset,
  record_size: chunk.recordSize,
  length: chunk.length,
  crc32: chunk.crc32,
  copies: chunk.copies,
})

export const locatedChunkOf = (row: ChunkRow): LocatedChunk => ({
  start: row.start,
  volume: row.volume,
  offset: row.offset,
  recordSize: row.record_size,
  length: row.length,
  crc32: row.crc32,
  copies: row.copies,
})
