/**
 * Buffers for whole chunks, used again: the first touch of fresh memory costs four times as much as memory that was used
 * before, and dead megabytes keep the collector busy. Only large buffers are pooled.
 */
const POOLED_BYTES_MIN = 256 * 1024

/** Bytes on loan. After `release` they belong to somebody else. */
export interface LoanedBytes {
  readonly bytes: Uint8Array
  release(): void
}

export class BufferPool {
  readonly #bufferBytes: number
  readonly #keptMax: number
  readonly #kept: Uint8Array[] = []

  /** `bufferBytes` is the largest size asked for; at most `keptMax` idle buffers are kept. */
  constructor(bufferBytes: number, keptMax: number) {
    this.#bufferBytes = bufferBytes
    this.#keptMax = keptMax
  }

  /** `size` bytes of unspecified content. */
  take(size: number): LoanedBytes {
    if (size < POOLED_BYTES_MIN || size > this.#bufferBytes)
      return { bytes: new Uint8Array(size), release: () => {} }
    const buffer = this.#kept.pop() ?? new Uint8Array(this.#bufferBytes)
    let isReleased = false
    return {
      bytes: buffer.subarray(0, size),
      release: () => {
        if (!isReleased && this.#kept.length < this.#keptMax) this.#kept.push(buffer)
        isReleased = true
      },
    }
  }
}
