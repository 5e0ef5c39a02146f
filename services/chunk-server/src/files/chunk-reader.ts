/**
 * Verified bytes of one chunk, from this server's own copy or from another's. Every block is checked against the record's
 * table, and the table against the checksum that the metadata has: a lost, misdirected, stale or damaged write shows
 * itself, and the next copy is asked. Nothing leaves unverified.
 */
import { concatBytes, type Log, type Transport, TransportError } from '@dfs/core'
import { callMethod, DfsError, formatId, type LocatedChunk, readBytes } from '@dfs/protocol'
import {
  areBlocksValid,
  BLOCK_BYTES,
  CONTENT_BYTES_MOST,
  type Crc32,
  HEADER_BYTES_MOST,
  isExpected,
  parseHeader,
} from '@dfs/volume'
import { type ServerDirectory } from '../master/server-directory.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { BufferPool, type LoanedBytes } from './buffer-pool.ts'

const REMOTE_READ_TIMEOUT_MS = 3000
const IDLE_BUFFERS_MAX = 8

export interface ChunkReaderDeps {
  readonly transport: Transport
  readonly store: VolumeStore
  readonly directory: ServerDirectory
  readonly crc32: Crc32
  readonly log: Log
  /** This server's id. */
  readonly self: () => number
}

/** Bytes `from` (included) to `to` (excluded) of a chunk's content. */
export interface ChunkRange {
  readonly from: number
  readonly to: number
}

/** Reads `size` bytes at `offset` of a volume from one particular copy. */
type ReadFrom = (offset: number, size: number) => Promise<LoanedBytes>

export class ChunkReader {
  readonly #deps: ChunkReaderDeps
  readonly #pool = new BufferPool(HEADER_BYTES_MOST + CONTENT_BYTES_MOST, IDLE_BUFFERS_MAX)

  constructor(deps: ChunkReaderDeps) {
    this.#deps = deps
  }

  /**
   * The range, exactly. `servers` are those with a copy, best first; this server's own comes before all others.
   * DATA_UNAVAILABLE where no copy gives valid bytes.
   */
  async read(
    chunk: LocatedChunk,
    servers: readonly number[],
    range: ChunkRange,
    requestId: string,
  ): Promise<LoanedBytes> {
    const troubles: string[] = []
    for (const { name, read } of this.#sources(chunk.volume, servers, requestId)) {
      try {
        const bytes = await readVerified(read, { chunk, range, crc32: this.#deps.crc32 })
        if (bytes !== null) return bytes
        troubles.push(`${name}: the bytes do not match their checksum`)
      } catch (error) {
        if (!(error instanceof Error)) throw error
        troubles.push(`${name}: ${error.message}`)
      }
      this.#deps.log.warn(
        { volume: formatId(chunk.volume), offset: chunk.offset, trouble: troubles.at(-1) },
        'a copy could not serve a read; asking the next',
      )
    }
    throw new DfsError(
      'DATA_UNAVAILABLE',
      `volume ${formatId(chunk.volume)}: ${troubles.join('; ') || 'no copies'}`,
    )
  }

  *#sources(
    volume: number,
    servers: readonly number[],
    requestId: string,
  ): Generator<{ name: string; read: ReadFrom }> {
    const self = this.#deps.self()
    if (servers.includes(self))
      yield { name: 'own copy', read: (offset, size) => this.#readOwn(volume, offset, size) }
    for (const server of servers) {
      if (server === self) continue
      yield {
        name: `server ${server}`,
        read: (offset, size) => this.#readRemote(server, { volume, offset, size }, requestId),
      }
    }
  }

  async #readOwn(volume: number, offset: number, size: number): Promise<LoanedBytes> {
    const copy = this.#deps.store.require(volume)
    const loan = this.#pool.take(size)
    try {
      await copy.readInto(offset, loan.bytes)
    } catch (error) {
      loan.release()
      throw error
    }
    return loan
  }

  async #readRemote(
    server: number,
    request: { volume: number; offset: number; size: number },
    requestId: string,
  ): Promise<LoanedBytes> {
    const { transport, directory } = this.#deps
    try {
      const pieces = await callMethod(transport, directory.addressOf(server), readBytes, request, {
        timeoutMs: REMOTE_READ_TIMEOUT_MS,
        requestId,
      })
      return { bytes: concatBytes(pieces), release: () => {} }
    } catch (error) {
      if (error instanceof TransportError) directory.noteFailure(server)
      throw error
    }
  }
}

interface Wanted {
  readonly chunk: LocatedChunk
  readonly range: ChunkRange
  readonly crc32: Crc32
}

/** The range out of one copy, or null where its bytes are not the chunk's. One read where it starts in the first block, else two. */
async function readVerified(read: ReadFrom, { chunk, range, crc32 }: Wanted): Promise<LoanedBytes | null> {
  const headerSize = chunk.recordSize - chunk.length
  const firstBlock = Math.floor(range.from / BLOCK_BYTES)
  const blocksFrom = firstBlock * BLOCK_BYTES
  const blocksTo = Math.min(chunk.length, Math.ceil(range.to / BLOCK_BYTES) * BLOCK_BYTES)
  const isOneRead = firstBlock === 0
  const head = await read(chunk.offset, headerSize + (isOneRead ? blocksTo : 0))
  const body = isOneRead ? head : await read(chunk.offset + headerSize + blocksFrom, blocksTo - blocksFrom)
  const bodyStart = isOneRead ? headerSize : 0
  const blocks = body.bytes.subarray(bodyStart, bodyStart + blocksTo - blocksFrom)
  const header = parseHeader(head.bytes.subarray(0, headerSize), null)
  const isValid =
    header !== null &&
    blocks.byteLength === blocksTo - blocksFrom &&
    isExpected(header, chunk) &&
    areBlocksValid(header, firstBlock, blocks, crc32)
  if (!isOneRead) head.release()
  if (!isValid) {
    body.release()
    return null
  }
  return {
    bytes: blocks.subarray(range.from - blocksFrom, range.to - blocksFrom),
    release: () => body.release(),
  }
}
