/**
 * Verified bytes of one chunk, from this server's own copy or from another's. Every block is checked against the record's
 * table, and the table against the checksum that the metadata has: a lost, misdirected, stale or damaged write shows
 * itself, and the next copy is asked. Nothing leaves unverified. A copy that keeps the read waiting is not waited for either
 * (hedged-read.ts).
 */
import { type Clock, concatBytes, DiskError, type Log, type Transport, TransportError } from '@dfs/core'
import {
  callMethod,
  DfsError,
  type FilePath,
  formatId,
  type LocatedChunk,
  type MethodCallOptions,
  MIB,
  readBytes,
} from '@dfs/protocol'
import { type Crc32, RECORD_HEADER_BYTES_MAX, type RecordHeader } from '@dfs/volume'
import { type ClientLoad } from '../copying/client-load.ts'
import { type Damage } from '../master/damage-reporter.ts'
import { type ServerDirectory } from '../master/server-directory.ts'
import { type Tuning } from '../tuning.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { Alarms } from './alarms.ts'
import { BufferPool, type LoanedBytes } from './buffer-pool.ts'
import { HedgeBudget } from './hedge-budget.ts'
import {
  firstRight,
  type HedgedReadDeps,
  NoAnswerError,
  type RunningRead,
  type Source,
} from './hedged-read.ts'
import { type Step } from './file-stream.ts'
import { PIECE_BYTES_MIN } from './read-permits.ts'
import { hasSaidNo, refusalOf, type Trouble } from './refusal.ts'
import { SourceHealth } from './source-health.ts'
import { type ChunkRange, readBlocks, readFirst, type ReadFrom } from './verified-read.ts'

/** One for each length of a piece (read-permits.ts), with room for the header in front of the first. */
const BUFFER_SIZES = [1, 2, 4, 8, 16].map((pieces) => pieces * PIECE_BYTES_MIN + RECORD_HEADER_BYTES_MAX)
const IDLE_BYTES_MAX = 4 * MIB

export interface ChunkReaderDeps {
  readonly clock: Clock
  readonly transport: Transport
  readonly tuning: Tuning
  readonly store: VolumeStore
  readonly directory: ServerDirectory
  readonly crc32: Crc32
  readonly log: Log
  /** This server's id. */
  readonly self: () => number
  /** Hears of what clients wait for. */
  readonly clientLoad?: Pick<ClientLoad, 'during'>
  /** A copy has wrong bytes, or bytes that its disk cannot read. */
  readonly onDamage: (damage: Damage) => void
}

/**
 * Whom the master counts as dead is asked nevertheless, since the master alone may not reach it, but not for long: the client
 * should hear of it before it gives this server up.
 */
const DEAD_PATIENCE_MS = 700

/** Who asks for a chunk, and of which file. */
export interface Reading {
  readonly path: FilePath
  readonly requestId: string
}

/** One read, with what the copies asked so far had to say. */
interface Asked extends Reading {
  readonly chunk: LocatedChunk
  readonly range: ChunkRange
  readonly servers: readonly number[]
  readonly troubles: Map<number, Trouble>
}

export class ChunkReader {
  readonly #deps: ChunkReaderDeps
  readonly #pool = new BufferPool({ sizes: BUFFER_SIZES, keptBytesMax: IDLE_BYTES_MAX })
  /** What a right header said, for the next pieces of the chunk: it goes with the answer of the look-up that the chunk is of. */
  readonly #headers = new WeakMap<LocatedChunk, RecordHeader>()
  readonly #health = new Map<number, SourceHealth>()
  readonly #hedging: HedgedReadDeps

  constructor(deps: ChunkReaderDeps) {
    const { clock } = deps
    this.#deps = deps
    this.#hedging = {
      alarms: new Alarms(clock),
      budget: new HedgeBudget(),
      nowMs: () => clock.monotonicMs(),
      withinMs: deps.tuning.readWithinMs,
    }
  }

  /**
   * The range, exactly. The servers of the step are those with a copy, best first; this server's own comes before all others,
   * unless its disk keeps reads waiting. DATA_UNAVAILABLE if no copy gives valid bytes in time: see refusal.ts.
   */
  async read(step: Step, { path, requestId }: Reading): Promise<LoanedBytes> {
    const { chunk, servers } = step
    const asked: Asked = { chunk, range: step, servers, path, requestId, troubles: new Map() }
    const sources = { each: this.#sources(asked), count: servers.length }
    const bytes = await firstRight(sources, step.to - step.from, this.#hedging)
    if (bytes !== null) return bytes
    throw refusalOf({ path, step, troubles: asked.troubles }, this.#deps.directory)
  }

  /** The copies in the order in which to ask them. Whoever lately failed or kept reads waiting comes last, not never. */
  *#sources(asked: Asked): Generator<Source> {
    const self = this.#deps.self()
    const hasOwn = asked.servers.includes(self)
    const isOwnFirst = hasOwn && !this.#healthOf(self).isAskedLast
    if (isOwnFirst) yield this.#source(self, asked)
    const unreachable = this.#deps.directory.unreachable()
    const isLast = (server: number): boolean =>
      unreachable.includes(server) || this.#healthOf(server).isAskedLast
    const others = asked.servers.filter((server) => server !== self)
    for (const server of others) if (!isLast(server)) yield this.#source(server, asked)
    for (const server of others) if (isLast(server)) yield this.#source(server, asked)
    if (hasOwn && !isOwnFirst) yield this.#source(self, asked)
  }

  #source(server: number, asked: Asked): Source {
    const isOwn = server === this.#deps.self()
    const isDoubtful = !isOwn && this.#deps.directory.isDead(server)
    const { readPatienceMs } = this.#deps.tuning
    return {
      health: this.#healthOf(server),
      isDoubtful,
      patienceMs: isDoubtful ? Math.min(DEAD_PATIENCE_MS, readPatienceMs) : readPatienceMs,
      start: () => (isOwn ? this.#startOwn(asked) : this.#startRemote(server, asked)),
      noteFailure: (error) => this.#noteFailure(server, asked, error),
    }
  }

  #healthOf(server: number): SourceHealth {
    let health = this.#health.get(server)
    if (health === undefined) {
      health = new SourceHealth(this.#deps.clock)
      this.#health.set(server, health)
    }
    return health
  }

  /** A disk call cannot be cancelled: what it read into is used again only when it is done. */
  #startOwn(asked: Asked): RunningRead {
    const { volume } = asked.chunk
    const read: ReadFrom = (offset, size) => this.#readOwn(volume, offset, size)
    return { bytes: this.#verified(read, asked), cancel: () => {} }
  }

  #startRemote(server: number, asked: Asked): RunningRead {
    const gaveUp = new AbortController()
    const options = {
      timeoutMs: this.#deps.tuning.readPatienceMs,
      requestId: asked.requestId,
      signal: gaveUp.signal,
    }
    const { volume } = asked.chunk
    const read: ReadFrom = (offset, size) => this.#readRemote(server, { volume, offset, size }, options)
    return { bytes: this.#verified(read, asked), cancel: () => gaveUp.abort(GAVE_UP) }
  }

  /** The range out of one copy, or null if its bytes are not the chunk's. */
  async #verified(read: ReadFrom, { chunk, range }: Asked): Promise<LoanedBytes | null> {
    const wanted = { chunk, range, crc32: this.#deps.crc32 }
    const known = this.#headers.get(chunk)
    if (known !== undefined) return await readBlocks(read, known, wanted)
    const found = await readFirst(read, wanted)
    if (found === null) return null
    if (range.to < chunk.length) this.#headers.set(chunk, found.header)
    return found.bytes ?? (await readBlocks(read, found.header, wanted))
  }

  #noteFailure(server: number, { chunk, troubles }: Asked, error: unknown): void {
    if (error !== null && !isExpected(error)) throw error
    const trouble = error === null ? WRONG_BYTES : error.message
    const forPeople = error instanceof DfsError ? error.detail : trouble
    troubles.set(server, { hasSaidNo: hasSaidNo(error), trouble: forPeople })
    const { directory, log } = this.#deps
    log.warn(
      { volume: formatId(chunk.volume), offset: chunk.offset, server: directory.nameOf(server), trouble },
      'a copy could not serve a read; asking the next',
    )
    if (error === null || isDamage(error)) {
      const { volume, offset, recordSize } = chunk
      this.#deps.onDamage({ volume, server, offset, recordSize })
    }
    if (!(error instanceof TransportError || error instanceof NoAnswerError)) return
    this.#healthOf(server).noteFailure()
    if (server !== this.#deps.self()) this.#deps.directory.noteFailure(server)
  }

  async #readOwn(volume: number, offset: number, size: number): Promise<LoanedBytes> {
    const copy = this.#deps.store.require(volume)
    const loan = this.#pool.take(size)
    const reading = () => copy.readInto(offset, loan.bytes)
    try {
      await (this.#deps.clientLoad?.during(reading) ?? reading())
    } catch (error) {
      loan.release()
      throw error
    }
    return loan
  }

  async #readRemote(
    server: number,
    request: { volume: number; offset: number; size: number },
    options: MethodCallOptions,
  ): Promise<LoanedBytes> {
    const { transport, directory } = this.#deps
    const pieces = await callMethod(transport, directory.addressOf(server), readBytes, request, options)
    return { bytes: concatBytes(pieces), release: () => {} }
  }
}

const WRONG_BYTES = 'the bytes do not match their checksum'

/** The reason of every cancelled call: made once, since an error with its stack is expensive. */
const GAVE_UP = new Error('another copy was faster')

const isExpected = (error: unknown): error is Error =>
  error instanceof DfsError ||
  error instanceof TransportError ||
  error instanceof DiskError ||
  error instanceof NoAnswerError

/** The disk of the copy cannot read it, here or there. */
const isDamage = (error: Error): boolean =>
  error instanceof DiskError || (error instanceof DfsError && error.code === 'DAMAGED')
