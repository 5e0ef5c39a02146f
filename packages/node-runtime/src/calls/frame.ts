/**
 * The frames in which calls travel, both ways, once a connection has been upgraded:
 *
 *   0 u32 kind                   8 u32 bytes of the body
 *   4 u32 bytes of the head     12 head, UTF-8, then the body
 *
 *   1 request   2 answer   3 error
 *   4 request of a streamed call: its stream follows, as far as the peer asks for it
 *   5 credit: the peer has room for so many more bytes of the stream (in the head)
 *   6 a piece of the stream, in the body
 *   7 its end, with the bytes of the whole stream (in the head)
 *
 * Little-endian. The reader takes the bytes in whatever pieces they come, and hands on a body in those pieces, without a copy.
 */
import { byteCount, concatBytes, fromUtf8, utf8 } from '@dfs/core'
import { joinSmallPieces } from './pieces.ts'

export const FRAME = Object.freeze({
  request: 1,
  answer: 2,
  error: 3,
  stream: 4,
  credit: 5,
  piece: 6,
  end: 7,
})

const PREFIX_BYTES = 12
const HEAD_BYTES_MAX = 16 * 1024
const NOTHING = new Uint8Array(0)

/** What a peer sent that no node sends; the connection is of no use any more. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

/** A frame as few pieces, to be written one after the other. */
export function encodeFrame(kind: number, head: string, body: readonly Uint8Array[]): Uint8Array[] {
  const headBytes = head === '' ? NOTHING : utf8(head)
  const start = new Uint8Array(PREFIX_BYTES + headBytes.byteLength)
  const view = new DataView(start.buffer)
  view.setUint32(0, kind, true)
  view.setUint32(4, headBytes.byteLength, true)
  view.setUint32(8, byteCount(body), true)
  start.set(headBytes, PREFIX_BYTES)
  return joinSmallPieces([start, ...body])
}

/** A head that is a count of bytes. Throws {@link FrameError}. */
export function countIn(head: string): number {
  const count = /^\d{1,16}$/.test(head) ? Number(head) : Number.NaN
  if (!Number.isSafeInteger(count)) throw new FrameError('a head that is no count')
  return count
}

export interface FrameHead {
  readonly kind: number
  readonly head: string
  readonly bodyBytes: number
}

export interface FrameSink {
  /** A frame begins; false drops its body as it comes. May throw {@link FrameError}. */
  onHead(frame: FrameHead): boolean
  /** It is complete; `body` is empty if it was dropped. */
  onEnd(body: Uint8Array[]): void
}

export class FrameReader {
  readonly #sink: FrameSink
  /** The beginning of a prefix and head of which the rest is still to come. */
  #partial: Uint8Array | null = null
  #bodyLeft = 0
  #isKept = false
  #body: Uint8Array[] = []

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Throws {@link FrameError}; then the reader must not be used again. */
  push(bytes: Uint8Array): void {
    let rest = bytes
    while (rest.byteLength > 0) rest = this.#bodyLeft > 0 ? this.#takeBody(rest) : this.#takeHead(rest)
  }

  #takeHead(rest: Uint8Array): Uint8Array {
    const bytes = this.#partial === null ? rest : concatBytes([this.#partial, rest])
    this.#partial = null
    if (bytes.byteLength < PREFIX_BYTES) return this.#wait(bytes)
    const view = new DataView(bytes.buffer, bytes.byteOffset, PREFIX_BYTES)
    const headBytes = view.getUint32(4, true)
    if (headBytes > HEAD_BYTES_MAX) throw new FrameError(`a head of ${headBytes} bytes`)
    const bodyAt = PREFIX_BYTES + headBytes
    if (bytes.byteLength < bodyAt) return this.#wait(bytes)
    const head = headBytes === 0 ? '' : decodeHead(bytes.subarray(PREFIX_BYTES, bodyAt))
    const bodyBytes = view.getUint32(8, true)
    this.#isKept = this.#sink.onHead({ kind: view.getUint32(0, true), head, bodyBytes })
    this.#bodyLeft = bodyBytes
    if (bodyBytes === 0) this.#end()
    return bytes.subarray(bodyAt)
  }

  #wait(bytes: Uint8Array): Uint8Array {
    this.#partial = bytes
    return NOTHING
  }

  #takeBody(rest: Uint8Array): Uint8Array {
    const piece = rest.byteLength <= this.#bodyLeft ? rest : rest.subarray(0, this.#bodyLeft)
    if (this.#isKept) this.#body.push(piece)
    this.#bodyLeft -= piece.byteLength
    const after = rest.subarray(piece.byteLength)
    if (this.#bodyLeft === 0) this.#end()
    return after
  }

  #end(): void {
    const body = this.#body
    this.#body = []
    this.#sink.onEnd(body)
  }
}

function decodeHead(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch (error) {
    throw new FrameError('a head that is not UTF-8', { cause: error })
  }
}
