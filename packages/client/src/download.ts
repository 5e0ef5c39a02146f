/**
 * A file on its way in. A connection that breaks is replaced by a request for the rest, bound by `If-Match` to the version
 * that was begun, so the bytes are always those of one version. The length is checked at the end, and the CRC-32 of a
 * whole file if the server named one.
 */
import { HEADERS } from '@dfs/protocol'
import { type Answer } from './caller.ts'
import { crc32, formatCrc32 } from './checksum.ts'
import { connectionError, ConnectionError } from './http.ts'
import { RESUME_PROGRESS_BYTES, RESUMES_MAX } from './options.ts'
import { type Durability, parseDurability } from './receipt.ts'
import { RequestError } from './request-error.ts'
import { SilenceError } from './watchdog.ts'

/** What the head of an answer says about a file's version. */
export interface DownloadInfo {
  /** Bytes of the whole file. */
  readonly size: number
  /** The bytes that the body brings: from `start` up to but not including `end`. */
  readonly start: number
  readonly end: number
  readonly etag: string
  readonly contentType: string
  readonly executable: boolean
  /** CRC-32 of the whole file, eight hexadecimal digits, if the server named it. */
  readonly crc32: string | null
  /** What copies there are now; null if the server did not say. */
  readonly durability: Durability | null
}

export interface Download extends AsyncDisposable {
  readonly info: DownloadInfo
  /**
   * Can be read once. Rejects with RequestError: DATA_UNAVAILABLE or UNAVAILABLE if the rest cannot be had,
   * PRECONDITION_FAILED if the file was replaced meanwhile and the old version is gone. Holds a connection until it is
   * read to its end, its iterator returns, or {@link cancel} is called.
   */
  readonly body: AsyncIterable<Uint8Array>
  /**
   * Lets the connection go until the body is read on, which asks for the rest of the same version. For readers that stand
   * still for a while; not while a piece is being waited for. Idempotent.
   */
  pause(): void
  /** Gives the rest up. Idempotent. */
  cancel(): void
}

/**
 * Asks for the bytes from `start` to `end` of the same version, of any server but the one that broke if there is one. `broken`
 * is null after a pause, in which the file may have been replaced.
 */
export type Resume = (info: DownloadInfo, start: number, broken: string | null) => Promise<Answer>

/** How long the next piece may take after so many resumptions without much progress. */
export type PieceLimit = (resumptions: number) => number

/** Takes over the first answer. */
export function downloadOf(first: Answer, resume: Resume, limitMs: PieceLimit): Download {
  const info = infoOf(first)
  const transfer = new Transfer(info, first, resume, limitMs)
  const cancel = (): void => transfer.release()
  return {
    info,
    body: transfer.pieces(),
    pause: () => transfer.pause(),
    cancel,
    async [Symbol.asyncDispose]() {
      cancel()
    },
  }
}

class Transfer {
  readonly #info: DownloadInfo
  readonly #resume: Resume
  readonly #limitMs: PieceLimit
  #answer: Answer
  #at: number
  #crc = 0
  #isReleased = false
  #isPaused = false

  constructor(info: DownloadInfo, first: Answer, resume: Resume, limitMs: PieceLimit) {
    this.#info = info
    this.#answer = first
    this.#resume = resume
    this.#limitMs = limitMs
    this.#at = info.start
  }

  pause(): void {
    if (this.#isPaused || this.#isReleased) return
    this.#isPaused = true
    this.#answer.reply.body.destroy()
    this.#answer.watchdog.end()
  }

  release(): void {
    this.#isReleased = true
    this.#answer.reply.body.destroy()
    this.#answer.watchdog.end()
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    let attempts = 0
    let countedTo = this.#at
    try {
      while (true) {
        const broken = yield* this.#readOne(this.#limitMs(attempts))
        if (broken === null) break
        if (broken === 'paused') {
          this.#isPaused = false
          this.#answer = await this.#resumed(null)
          continue
        }
        this.#answer.watchdog.end()
        if (this.#at - countedTo >= RESUME_PROGRESS_BYTES) attempts = 0
        countedTo = this.#at
        attempts += 1
        if (attempts > RESUMES_MAX || this.#isReleased) throw this.#unavailable(broken)
        this.#answer = await this.#resumed(this.#answer.reply.origin)
      }
      this.#checkWhole()
    } finally {
      this.release()
    }
  }

  /** Yields the bytes of one answer; returns what broke it, that it was paused, or null if all bytes have come. */
  async *#readOne(limitMs: number): AsyncGenerator<Uint8Array, Error | 'paused' | null> {
    const { reply, watchdog } = this.#answer
    const pieces = reply.body[Symbol.asyncIterator]()
    while (true) {
      let next: IteratorResult<Uint8Array>
      try {
        watchdog.start(limitMs)
        next = await pieces.next()
        watchdog.pause()
      } catch (error) {
        return this.#breakOf(error)
      }
      if (next.done === true) {
        return this.#at === this.#info.end
          ? null
          : new ConnectionError('the body ended too early', { wasSent: true })
      }
      this.#at += next.value.byteLength
      if (this.#at > this.#info.end) throw this.#wrong('more bytes came than were announced')
      this.#crc = crc32(next.value, this.#crc)
      yield next.value
      if (this.#isPaused) return this.#at === this.#info.end ? null : 'paused'
    }
  }

  /** A broken connection, or the reason to give up altogether, thrown. */
  #breakOf(error: unknown): Error {
    const { signal } = this.#answer.watchdog
    if (signal.aborted && !(signal.reason instanceof SilenceError)) throw signal.reason
    return error instanceof SilenceError ? error : connectionError(this.#answer.reply.origin, error)
  }

  async #resumed(broken: string | null): Promise<Answer> {
    const answer = await this.#resume(this.#info, this.#at, broken)
    const again = infoOf(answer)
    if (again.etag === this.#info.etag && again.start === this.#at && again.end === this.#info.end)
      return answer
    answer.reply.body.destroy()
    answer.watchdog.end()
    throw this.#wrong('the rest of the file came from another version or another place')
  }

  #checkWhole(): void {
    const info = this.#info
    const isWhole = info.start === 0 && info.end === info.size
    if (!isWhole || info.crc32 === null || formatCrc32(this.#crc) === info.crc32) return
    throw this.#wrong(`the bytes that came have the CRC-32 ${formatCrc32(this.#crc)}, not ${info.crc32}`)
  }

  #unavailable(cause: Error): RequestError {
    return new RequestError('UNAVAILABLE', `the download broke off again and again: ${cause.message}`, {
      status: null,
      requestId: this.#answer.requestId,
      cause,
    })
  }

  #wrong(detail: string): RequestError {
    const { reply, requestId } = this.#answer
    return new RequestError('DATA_UNAVAILABLE', detail, { status: reply.status, requestId })
  }
}

/** The head of a 200 or 206. Throws INTERNAL if it lacks what the contract promises. */
function infoOf({ reply, requestId }: Answer): DownloadInfo {
  const { headers, status } = reply
  const length = Number(headers['content-length'] ?? Number.NaN)
  const [, first, last, total] =
    /^bytes ([0-9]+)-([0-9]+)\/([0-9]+)$/.exec(headers['content-range'] ?? '') ?? []
  const start = status === 206 ? Number(first ?? Number.NaN) : 0
  const size = status === 206 ? Number(total ?? Number.NaN) : length
  const end = status === 206 ? Number(last ?? Number.NaN) + 1 : size
  if (!Number.isSafeInteger(start) || end - start !== length || headers['etag'] === undefined) {
    const detail = `the answer of ${reply.origin} has no usable Content-Length, Content-Range or ETag`
    throw new RequestError('INTERNAL', detail, { status, requestId })
  }
  const durability = parseDurability(headers[HEADERS.durability])
  return {
    size,
    start,
    end,
    etag: headers['etag'],
    contentType: headers['content-type'] ?? 'application/octet-stream',
    executable: headers[HEADERS.executable] === '?1',
    crc32: durability?.crc32 ?? null,
    durability,
  }
}
