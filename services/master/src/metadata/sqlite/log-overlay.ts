/**
 * Pages that a reader of the database finds in the write-ahead log, and not in the database file, or not yet: of each page the last of
 * the frames that were there when it began to read.
 *
 * A checkpoint does not bring the file to the state of any one moment while others commit: of a page that has been written again
 * since, it copies nothing until it may copy the newest. So what a reader sees is the file with these frames over it. While it
 * reads, the log does not begin again, and its frames stand where they are.
 */
import { closeSync, openSync, read } from 'node:fs'
import { promisify } from 'node:util'
import { assert } from '@dfs/core'
import {
  FRAME_HEADER_BYTES,
  isEqual,
  LOG_HEADER_BYTES,
  type LogHeader,
  offsetOfFrame,
  parseFrameHeader,
  parseLogHeader,
  viewOf,
} from '@dfs/wal'

/** Headers that are read at the same time. */
const AT_ONCE = 64

const readAt = promisify(read)

export class LogOverlay {
  readonly #descriptor: number
  readonly #header: LogHeader
  /** Where the last frame of a page has its content. */
  readonly #contentAt = new Map<number, number>()

  private constructor(descriptor: number, header: LogHeader) {
    this.#descriptor = descriptor
    this.#header = header
  }

  /** The first `frames` of the log. To be closed. */
  static async open(log: string, frames: number): Promise<LogOverlay> {
    const descriptor = openSync(log, 'r')
    try {
      const overlay = new LogOverlay(descriptor, await readHeader(descriptor))
      for (let first = 0; first < frames; first += AT_ONCE)
        await overlay.#index(first, Math.min(frames, first + AT_ONCE))
      return overlay
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
  }

  /** Lays the pages of the log over a piece of the file that begins at `at`, both in whole pages; returns how many pages those were. */
  async lay(at: number, piece: Uint8Array): Promise<number> {
    const { pageBytes } = this.#header
    let laid = 0
    for (let offset = 0; offset < piece.byteLength; offset += pageBytes) {
      const contentAt = this.#contentAt.get((at + offset) / pageBytes + 1)
      if (contentAt === undefined) continue
      await readWhole(this.#descriptor, piece.subarray(offset, offset + pageBytes), contentAt)
      laid += 1
    }
    return laid
  }

  /** Whether the page that has this byte of the database is in the log. */
  has(at: number): boolean {
    return this.#contentAt.has(Math.floor(at / this.#header.pageBytes) + 1)
  }

  /** Throws InvariantError if the log has begun again: then its frames are others. */
  async prove(): Promise<void> {
    const { salts } = await readHeader(this.#descriptor)
    assert(isEqual(salts, this.#header.salts), 'the log does not begin again while it is read')
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  async #index(first: number, end: number): Promise<void> {
    const headers = await Promise.all(
      Array.from({ length: end - first }, async (_, index) => {
        const bytes = new Uint8Array(FRAME_HEADER_BYTES)
        await readWhole(this.#descriptor, bytes, offsetOfFrame(this.#header, first + index))
        return parseFrameHeader(viewOf(bytes), 0)
      }),
    )
    for (const [index, { page, salts }] of headers.entries()) {
      assert(isEqual(salts, this.#header.salts), 'a frame that was committed is of this round of the log')
      this.#contentAt.set(page, offsetOfFrame(this.#header, first + index) + FRAME_HEADER_BYTES)
    }
  }
}

async function readHeader(descriptor: number): Promise<LogHeader> {
  const bytes = new Uint8Array(LOG_HEADER_BYTES)
  await readWhole(descriptor, bytes, 0)
  const header = parseLogHeader(bytes)
  assert(header !== null, 'a log with frames has a header')
  return header
}

async function readWhole(descriptor: number, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const { bytesRead } = await readAt(descriptor, bytes, done, bytes.byteLength - done, at + done)
    assert(bytesRead > 0, 'what was committed stands in the log')
    done += bytesRead
  }
}
