/**
 * Fills what a copy lacks from copies elsewhere. Large pieces come from one server at a time; before a byte is written it was
 * checked as a part of a record with its place, its salt and its checksums, so a damaged source makes no damaged copy. Small
 * records cost no wait, no call and no write of their own.
 *
 * A record that the source has wrong is put together from all of them (hole-mender.ts). Nothing that is written counts before it
 * was read back: that is for whoever fills.
 */
import { byteCount, type Clock, TransportError } from '@dfs/core'
import { DfsError, KIB, MIB } from '@dfs/protocol'
import { CONTENT_BYTES_MAX, RECORD_HEADER_BYTES_MAX, recordRun } from '@dfs/volume'
import { type Span } from '../volume/copy-verification.ts'
import { type Reading } from '../volume/reading.ts'
import { HoleMender, type HoleMenderOptions, type LostRecord } from './hole-mender.ts'
import { isAboutBytes, SourceStream } from './source-stream.ts'

/** Records that are checked in one turn of the event loop: about a millisecond. */
const CHECK_BYTES = MIB
/** No record is longer. */
const RECORD_BYTES_MAX = CONTENT_BYTES_MAX + RECORD_HEADER_BYTES_MAX
/** A source whose disk cannot read a piece is asked for smaller ones, down to this. */
const PIECE_BYTES_MIN = 64 * KIB
/** A source that is slower than this is left for another one. */
const SLOW_BYTES_PER_MS = MIB / 1000

export interface LogFillerOptions extends Omit<HoleMenderOptions, 'write'> {
  readonly clock: Clock
  readonly pieceBytes: number
  readonly piecesAhead: number
  /** Bytes between two syncs, as of now. */
  readonly syncBytes: () => number
  readonly onCopied: (bytes: number, server: number) => void
}

interface Taken {
  /** Up to where all is written. */
  readonly at: number
  /** The beginning of the record there, as far as it has come: the first bytes of the buffer. */
  readonly rest: number
}

export class LogFiller {
  readonly #options: LogFillerOptions
  readonly #mender: HoleMender
  #stream: SourceStream | null = null
  #pieceBytes: number
  #unsyncedBytes = 0
  /** What was begun and the piece that follows it. Used again and again: dead megabytes keep the collector busy. */
  #buffer = new Uint8Array(0)
  /** Sources that do not have, or cannot read, what comes next. */
  readonly #refused = new Set<number>()

  constructor(options: LogFillerOptions) {
    this.#options = options
    this.#mender = new HoleMender({ ...options, write: (at, bytes) => this.#write(at, bytes) })
    this.#pieceBytes = options.pieceBytes
  }

  get lost(): readonly LostRecord[] {
    return this.#mender.lost
  }

  /**
   * Fills a range, of which nothing right is there yet. Each value is what was written. Rejects with NoSourceError if nobody gives
   * anything now, and as the copy's own disk does.
   */
  async *fill({ at: from, end }: Span): Reading<void> {
    let at = from
    let rest = 0
    try {
      while (at < end) {
        const stream = this.#streamFor(at + rest, end)
        const taken =
          stream === null
            ? { at: await this.#mender.mend(at, end, null), rest: 0 }
            : await this.#takePiece(stream, { at, end, rest })
        yield taken.at - at
        at = taken.at
        rest = taken.rest
      }
    } finally {
      this.#close()
    }
  }

  /** The pieces from there on; null if every source that can be asked has refused the smallest one. */
  #streamFor(from: number, to: number): SourceStream | null {
    if (this.#stream !== null) return this.#stream
    const { copy, sources, piecesAhead: ahead, pieceBytes: pieceBytesMax } = this.#options
    const servers = sources.inOrder()
    const [best] = servers
    if (best === undefined) throw sources.whyNone()
    let server = servers.find((one) => !this.#refused.has(one))
    if (server === undefined) {
      this.#refused.clear()
      const isSmallest = this.#pieceBytes <= PIECE_BYTES_MIN
      this.#pieceBytes = isSmallest ? pieceBytesMax : Math.max(PIECE_BYTES_MIN, this.#pieceBytes / 8)
      if (isSmallest) return null
      server = best
    }
    const { volume } = copy.state.order
    const range = { server, volume, from, to, ahead, pieceBytes: this.#pieceBytes }
    this.#stream = new SourceStream({ ...this.#options, ...range })
    return this.#stream
  }

  /** Takes what a piece adds; nothing if the source fails: what was begun is asked for again then. */
  async #takePiece(stream: SourceStream, { at, rest, end }: Taken & { end: number }): Promise<Taken> {
    const { sources } = this.#options
    const { server } = stream
    const pieces = await this.#next(stream)
    if (pieces === null) return { at, rest: 0 }
    const taken = await this.#take(this.#joined(rest, pieces, end - at), { at, end, server })
    const isSmall = this.#pieceBytes < this.#options.pieceBytes
    if (isSmall) this.#pieceBytes = Math.min(8 * this.#pieceBytes, this.#options.pieceBytes)
    if (isSmall || sources.isOutdone(server)) this.#close()
    return this.#stream === null ? { at: taken.at, rest: 0 } : taken
  }

  /** The next piece, or null if the source cannot give it. */
  async #next(stream: SourceStream): Promise<readonly Uint8Array[] | null> {
    const { sources, signal } = this.#options
    try {
      const { pieces, byteLength, tookMs } = await stream.next()
      const isSlow = byteLength >= PIECE_BYTES_MIN && byteLength < tookMs * SLOW_BYTES_PER_MS
      sources.noteRight(stream.server, isSlow)
      this.#refused.clear()
      return pieces
    } catch (error) {
      this.#close()
      signal.throwIfAborted()
      if (!(error instanceof DfsError || error instanceof TransportError)) throw error
      if (isAboutBytes(error)) this.#refused.add(stream.server)
      else sources.noteFailure(stream.server, error)
      return null
    }
  }

  /** The pieces behind what was begun; `left` is what there is from its beginning on. */
  #joined(rest: number, pieces: readonly Uint8Array[], left: number): Uint8Array {
    const size = rest + byteCount(pieces)
    if (size > this.#buffer.byteLength) {
      const larger = new Uint8Array(Math.max(size, Math.min(left, this.#pieceBytes + RECORD_BYTES_MAX)))
      larger.set(this.#buffer.subarray(0, rest))
      this.#buffer = larger
    }
    let at = rest
    for (const piece of pieces) {
      this.#buffer.set(piece, at)
      at += piece.byteLength
    }
    return this.#buffer.subarray(0, size)
  }

  /** Writes the right records of these bytes, which start at `at`, mends the others, and says where to go on. */
  async #take(
    bytes: Uint8Array,
    { at: from, end, server }: { at: number; end: number; server: number },
  ): Promise<Taken> {
    let at = from
    let left = bytes
    for (;;) {
      const { size, isWrong } = await this.#check(left, at, end)
      if (size > 0) {
        await this.#write(at, left.subarray(0, size))
        this.#options.onCopied(size, server)
      }
      at += size
      left = left.subarray(size)
      if (!isWrong) {
        this.#buffer.copyWithin(0, left.byteOffset, left.byteOffset + left.byteLength)
        return { at, rest: left.byteLength }
      }
      this.#options.sources.noteWrong(server)
      const after = await this.#mender.mend(at, end, server)
      if (after - at > left.byteLength) {
        this.#close()
        return { at: after, rest: 0 }
      }
      left = left.subarray(after - at)
      at = after
    }
  }

  /** How many of the bytes are right records, and whether what follows is a wrong one; if not, the rest of it is not here. */
  async #check(bytes: Uint8Array, at: number, to: number): Promise<{ size: number; isWrong: boolean }> {
    const { clock, copy } = this.#options
    const context = copy.scanOptions({ at, end: to })
    let size = 0
    for (;;) {
      const options = { at: at + size, to, bytesMax: CHECK_BYTES }
      const run = recordRun(bytes.subarray(size), context, options)
      size += run.size
      if (run.next !== 'more') return { size, isWrong: run.next === 'invalid' }
      await clock.turn()
    }
  }

  async #write(at: number, bytes: Uint8Array): Promise<void> {
    const { filling } = this.#options.copy
    await filling.put(at, bytes)
    this.#unsyncedBytes += bytes.byteLength
    if (this.#unsyncedBytes < this.#options.syncBytes()) return
    this.#unsyncedBytes = 0
    await filling.sync()
  }

  #close(): void {
    this.#stream?.close()
    this.#stream = null
  }
}
