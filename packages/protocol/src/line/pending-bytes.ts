/**
 * The bytes of a connection that no message has taken yet, in one piece. Views handed out stay valid: bytes are only
 * ever added behind them, and room is found in a new buffer, never by moving the old one. The search for LF goes on
 * where it stopped, so a line of any length costs linear time however its packets are cut.
 */
const LF = 0x0a
/** Below this, a rest may keep the buffer it came in. */
const HELD_BYTES_MIN = 4096

export class PendingBytes {
  #buffer: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0
  #searchedTo = 0
  /** Whether the room behind the pending bytes is ours to write: not so in a buffer that was taken over. */
  #isOwn = false

  get size(): number {
    return this.#end - this.#start
  }

  /** Memory that is held, which may be more than `size`. */
  get heldBytes(): number {
    return this.#buffer.byteLength
  }

  /** Takes over `bytes`; the caller must not change them any more. */
  append(bytes: Uint8Array): void {
    if (this.size === 0) {
      this.#buffer = bytes
      this.#start = 0
      this.#end = bytes.byteLength
      this.#searchedTo = 0
      this.#isOwn = false
      return
    }
    if (this.#end + bytes.byteLength > this.#buffer.byteLength || !this.#isOwn) {
      this.#move(Math.max(256, (this.size + bytes.byteLength) * 2))
    }
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.byteLength
  }

  /** Count of bytes before the next LF, or -1 if none has come. */
  findLineFeed(): number {
    const at = this.#buffer.subarray(0, this.#end).indexOf(LF, Math.max(this.#start, this.#searchedTo))
    this.#searchedTo = at === -1 ? this.#end : at
    return at === -1 ? -1 : at - this.#start
  }

  /** A view of the first bytes, `count` of them at most, which stay pending. */
  peek(count: number): Uint8Array {
    return this.#buffer.subarray(this.#start, Math.min(this.#end, this.#start + count))
  }

  /** A view of the first `count` bytes, which are pending no more. */
  take(count: number): Uint8Array {
    const bytes = this.peek(count)
    this.#start += bytes.byteLength
    if (this.#start === this.#end) this.#clear()
    else if (this.heldBytes > HELD_BYTES_MIN && this.size * 4 < this.heldBytes) this.#move(this.size)
    return bytes
  }

  #clear(): void {
    this.#buffer = new Uint8Array(0)
    this.#start = 0
    this.#end = 0
    this.#searchedTo = 0
    this.#isOwn = false
  }

  /** Goes on in a new buffer of `capacity` bytes, so that a large old one is not held for a small rest. */
  #move(capacity: number): void {
    const other = new Uint8Array(capacity)
    other.set(this.peek(this.size))
    this.#searchedTo = Math.max(0, this.#searchedTo - this.#start)
    this.#end -= this.#start
    this.#start = 0
    this.#buffer = other
    this.#isOwn = true
  }
}
