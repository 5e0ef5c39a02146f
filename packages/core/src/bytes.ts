/**
 * A compact binary form for what travels in batches: fixed-width numbers, length-prefixed UTF-8. Numbers up to 2^53 are
 * written as IEEE doubles, which hold every such integer exactly and cost one instruction.
 */
import { assert } from './assert.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 bytes of `text`. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** Text of UTF-8 bytes; throws a TypeError when they are not. */
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes)

/** One buffer of all pieces; the piece itself when there is just one. */
export function concatBytes(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!
  const whole = new Uint8Array(byteCount(pieces))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.byteLength
  }
  return whole
}

export function byteCount(pieces: readonly Uint8Array[]): number {
  let count = 0
  for (const piece of pieces) count += piece.byteLength
  return count
}

/** Writes values one after the other into a buffer that grows. */
export class ByteWriter {
  #bytes: Uint8Array
  #view: DataView
  #at = 0

  constructor(sizeHint = 256) {
    this.#bytes = new Uint8Array(sizeHint)
    this.#view = new DataView(this.#bytes.buffer)
  }

  u8(value: number): this {
    this.#reserve(1)
    this.#view.setUint8(this.#at, value)
    this.#at += 1
    return this
  }

  u32(value: number): this {
    this.#reserve(4)
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
    return this
  }

  /** Any integer up to 2^53 in size. */
  integer(value: number): this {
    assert(Number.isSafeInteger(value), `not a safe integer: ${value}`)
    this.#reserve(8)
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
    return this
  }

  /** Text of up to 2^32 bytes, or null. */
  text(value: string | null): this {
    if (value === null) return this.u32(0xffffffff)
    this.#reserve(4 + value.length * 3)
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(this.#at + 4))
    this.#view.setUint32(this.#at, written, true)
    this.#at += 4 + written
    return this
  }

  bytes(value: Uint8Array | null): this {
    if (value === null) return this.u32(0xffffffff)
    this.u32(value.byteLength)
    this.#reserve(value.byteLength)
    this.#bytes.set(value, this.#at)
    this.#at += value.byteLength
    return this
  }

  /** What was written; the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.byteLength) return
    const larger = new Uint8Array(Math.max(this.#bytes.byteLength * 2, this.#at + count))
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

/** What {@link ByteReader} throws on bytes that no {@link ByteWriter} made. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError'
}

/** Reads in the order written. Throws {@link MalformedError} at a premature end or a value out of range. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true)
  }

  integer(): number {
    const value = this.#view.getFloat64(this.#advance(8), true)
    if (!Number.isSafeInteger(value)) throw new MalformedError(`not an integer: ${value}`)
    return value
  }

  text(): string | null {
    const bytes = this.bytes()
    if (bytes === null) return null
    try {
      return decoder.decode(bytes)
    } catch (error) {
      throw new MalformedError('not UTF-8', { cause: error })
    }
  }

  /** A view into the message, not a copy. */
  bytes(): Uint8Array | null {
    const count = this.u32()
    if (count === 0xffffffff) return null
    const at = this.#advance(count)
    return this.#bytes.subarray(at, at + count)
  }

  /** Text that may not be null. */
  string(): string {
    const value = this.text()
    if (value === null) throw new MalformedError('text is missing')
    return value
  }

  /** Everything not yet read, as a view. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.#advance(this.#bytes.byteLength - this.#at))
  }

  #advance(count: number): number {
    const at = this.#at
    if (at + count > this.#bytes.byteLength) throw new MalformedError('message ends too early')
    this.#at = at + count
    return at
  }
}
