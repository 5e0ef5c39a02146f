/**
 * Reads frames from bytes that come in pieces, and tells how they end. A frame that is not all there, or not right, with nothing
 * whole behind it is a torn tail: whoever wrote it was interrupted, and nobody was told that it is there. If a whole frame stands
 * anywhere behind, something else has happened: damage. What stands behind a fault is never handed out.
 */
import { concatBytes, type Sum } from '@dfs/core'
import { FIRST_BYTE, FRAME_HEADER_BYTES, type FrameHeader, parseFrameHeader } from './frame.ts'

export interface Frame {
  /** Where it begins. */
  readonly at: number
  readonly header: FrameHeader
  /** All of it; a view into what was read, or of its own. */
  readonly bytes: Uint8Array
}

export interface FramesEnd {
  readonly kind: 'whole' | 'torn' | 'damaged'
  /** The end of the last frame that was handed out. */
  readonly at: number
  /** How many bytes there were. */
  readonly size: number
}

/** The bytes of a frame behind its header, compressed. */
export const storedOf = ({ bytes }: Pick<Frame, 'bytes'>): Uint8Array => bytes.subarray(FRAME_HEADER_BYTES)

/** Holds no more than a frame and a piece at a time. */
export class FrameScanner {
  readonly #crc32: Sum
  #pieces: Uint8Array[] = []
  #held = 0
  /** How many bytes the next frame has; a header's while that is not known. */
  #wanted = FRAME_HEADER_BYTES
  #header: FrameHeader | null = null
  /** The end of the last right frame. */
  #at = 0
  #size = 0
  #hasFault = false
  #isDamaged = false

  constructor(crc32: Sum) {
    this.#crc32 = crc32
  }

  /** The frames that are whole now. The piece is kept: it must not change. */
  *push(piece: Uint8Array): Generator<Frame> {
    this.#size += piece.byteLength
    if (this.#isDamaged) return
    this.#pieces.push(piece)
    this.#held += piece.byteLength
    while (!this.#hasFault && this.#held >= this.#wanted) {
      const frame = this.#next()
      if (frame !== null) yield frame
    }
    if (this.#hasFault) this.#lookBehind(false)
  }

  /** To be called when there are no more pieces. */
  finish(): FramesEnd {
    this.#hasFault ||= this.#held > 0
    if (this.#hasFault) this.#lookBehind(true)
    const [at, size] = [this.#at, this.#size]
    if (!this.#hasFault) return { kind: 'whole', at, size }
    return { kind: this.#isDamaged ? 'damaged' : 'torn', at, size }
  }

  /** The frame at the front, of which enough is held; null if only its header was read now, or if it is wrong. */
  #next(): Frame | null {
    const all = this.#joined()
    this.#header ??= parseFrameHeader(all, this.#crc32)
    if (this.#header === null) {
      this.#hasFault = true
      return null
    }
    this.#wanted = FRAME_HEADER_BYTES + this.#header.storedBytes
    if (all.byteLength < this.#wanted) return null
    const frame = { at: this.#at, header: this.#header, bytes: all.subarray(0, this.#wanted) }
    if (!this.#isSumRight(frame)) {
      this.#hasFault = true
      return null
    }
    this.#at += this.#wanted
    this.#drop(all, this.#wanted)
    this.#header = null
    this.#wanted = FRAME_HEADER_BYTES
    return frame
  }

  /** Whether a whole frame begins anywhere behind the place of the fault: the bytes there are what is held. */
  #lookBehind(isAll: boolean): void {
    const all = this.#joined()
    // A fault has no frame at its own place, so looking there again finds nothing.
    let from = 0
    for (;;) {
      const at = all.indexOf(FIRST_BYTE, from)
      if (at === -1) return this.#drop(all, all.byteLength)
      const isHeaderThere = all.byteLength - at >= FRAME_HEADER_BYTES
      const header = isHeaderThere ? parseFrameHeader(all.subarray(at), this.#crc32) : null
      const end = at + FRAME_HEADER_BYTES + (header?.storedBytes ?? 0)
      const mayBeCut = header === null ? !isHeaderThere : end > all.byteLength
      if (mayBeCut && !isAll) return this.#drop(all, at)
      if (header !== null && !mayBeCut && this.#isSumRight({ header, bytes: all.subarray(at, end) })) {
        this.#isDamaged = true
        return this.#drop(all, all.byteLength)
      }
      from = at + 1
    }
  }

  #isSumRight({ header, bytes }: Pick<Frame, 'header' | 'bytes'>): boolean {
    return this.#crc32(storedOf({ bytes })) === header.storedCrc32
  }

  #joined(): Uint8Array {
    const all = concatBytes(this.#pieces)
    this.#pieces = [all]
    return all
  }

  #drop(all: Uint8Array, count: number): void {
    this.#pieces = count === all.byteLength ? [] : [all.subarray(count)]
    this.#held = all.byteLength - count
  }
}

/** All frames of `bytes`, which are views into it, and how they end. */
export function decodeFrames(
  bytes: Uint8Array,
  crc32: Sum,
): { readonly frames: readonly Frame[]; readonly end: FramesEnd } {
  const scanner = new FrameScanner(crc32)
  const frames = [...scanner.push(bytes)]
  return { frames, end: scanner.finish() }
}
