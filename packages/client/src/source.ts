/**
 * What a put sends. Bytes and factories can be opened again for another attempt; a bare iterable can be read once. While
 * the bytes pass, their number and CRC-32 are taken, so that the answer can be compared with what was sent.
 */
import { DfsError } from '@dfs/protocol'
import { crc32 } from './checksum.ts'
import { type Watchdog } from './watchdog.ts'

/**
 * The bytes of a file. An iterable is consumed, and closed on every way out; a piece belongs to the client from the
 * moment it is yielded until the next one is asked for.
 */
export type PutSource = Uint8Array | AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>)

/** One opening of a source, for one attempt. */
export interface OpenedSource {
  readonly body: Uint8Array | AsyncIterable<Uint8Array>
  /** Null if the source does not know. */
  readonly sizeBytes: number | null
  /** Whether the server may have got all of it. */
  readonly mayBeWhole: boolean
  readonly canReopen: boolean
  /** What the source itself threw; undefined while it did not. */
  readonly failure: unknown
  /** CRC-32 of what was sent so far. */
  readonly crc32: number
}

/** How to open `source` for each attempt. `sizeBytes` is what an iterable announces; too many or too few bytes fail the put. */
export function sourceOpener(
  source: PutSource,
  sizeBytes: number | null,
): (watchdog: Watchdog) => OpenedSource | null {
  if (source instanceof Uint8Array) return () => openBytes(source)
  let once: OpenedStream | null = null
  return (watchdog) => {
    if (typeof source === 'function')
      return new OpenedStream(source(), { sizeBytes, watchdog, canReopen: true })
    if (once?.hasStarted === true) return null
    once = new OpenedStream(source, { sizeBytes, watchdog, canReopen: false })
    return once
  }
}

function openBytes(bytes: Uint8Array): OpenedSource {
  return {
    body: bytes,
    sizeBytes: bytes.byteLength,
    mayBeWhole: true,
    canReopen: true,
    failure: undefined,
    get crc32() {
      return crc32(bytes)
    },
  }
}

interface StreamOptions {
  readonly sizeBytes: number | null
  readonly watchdog: Watchdog
  readonly canReopen: boolean
}

class OpenedStream implements OpenedSource {
  readonly body: AsyncIterable<Uint8Array>
  readonly sizeBytes: number | null
  readonly #canReopen: boolean
  #hasStarted = false
  #mayBeWhole: boolean
  #failure: unknown
  #crc32 = 0

  constructor(source: AsyncIterable<Uint8Array>, { sizeBytes, watchdog, canReopen }: StreamOptions) {
    this.sizeBytes = sizeBytes
    this.#canReopen = canReopen
    this.#mayBeWhole = sizeBytes === 0
    this.body = this.#pass(source, watchdog)
  }

  get hasStarted(): boolean {
    return this.#hasStarted
  }

  get mayBeWhole(): boolean {
    return this.#mayBeWhole
  }

  get canReopen(): boolean {
    return this.#canReopen || !this.#hasStarted
  }

  get failure(): unknown {
    return this.#failure
  }

  get crc32(): number {
    return this.#crc32
  }

  /** The time spent in the source is not the server's: the watchdog rests meanwhile. */
  async *#pass(source: AsyncIterable<Uint8Array>, watchdog: Watchdog): AsyncGenerator<Uint8Array> {
    this.#hasStarted = true
    let count = 0
    const pieces = source[Symbol.asyncIterator]()
    try {
      while (true) {
        watchdog.pause()
        const next = await this.#next(pieces)
        watchdog.resume()
        if (next.done === true) break
        count += next.value.byteLength
        if (this.sizeBytes !== null && count > this.sizeBytes) throw this.#wrongSize('more')
        this.#crc32 = crc32(next.value, this.#crc32)
        if (count === this.sizeBytes) this.#mayBeWhole = true
        yield next.value
      }
      if (this.sizeBytes !== null && count < this.sizeBytes) throw this.#wrongSize(`only ${count}`)
      this.#mayBeWhole = true
    } finally {
      await pieces.return?.()
    }
  }

  async #next(pieces: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    try {
      return await pieces.next()
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  #wrongSize(got: string): DfsError {
    const error = new DfsError(
      'LENGTH_MISMATCH',
      `the source has ${got} bytes, ${this.sizeBytes} were announced`,
    )
    this.#failure = error
    return error
  }
}
