/**
 * Buffers for pieces of chunks, used again: the first touch of fresh memory costs four times as much as memory that was used
 * before, and dead megabytes keep the collector busy. Only large buffers are pooled, by size.
 *
 * Who has taken a buffer owns it alone until `release`: nobody else writes to it, whatever happens to the stream or the
 * client. After `release` its bytes belong to the next taker, so whoever has handed them on (to the kernel, to a checksum)
 * releases only when those are done with them. A buffer that is released too early is another client's file in this
 * client's answer: nothing behind this point would notice.
 */

/** Smaller ones are cheap to make. */
export const POOLED_BYTES_MIN = 32 * 1024

/** Bytes on loan. After `release` they belong to somebody else. */
export interface LoanedBytes {
  readonly bytes: Uint8Array
  /** Idempotent. */
  release(): void
}

export interface BufferPoolOptions {
  /** The sizes of buffers, ascending; what is larger than the last is not pooled. */
  readonly sizes: readonly number[]
  /** Of idle buffers, this many bytes at most are kept for each size. */
  readonly keptBytesMax: number
}

interface SizeClass {
  readonly size: number
  readonly keptMax: number
  readonly kept: Uint8Array[]
}

export class BufferPool {
  readonly #classes: readonly SizeClass[]

  constructor({ sizes, keptBytesMax }: BufferPoolOptions) {
    this.#classes = sizes.map((size) => ({ size, keptMax: Math.floor(keptBytesMax / size), kept: [] }))
  }

  /** `size` bytes of unspecified content. */
  take(size: number): LoanedBytes {
    const fitting = size < POOLED_BYTES_MIN ? undefined : this.#classes.find((one) => one.size >= size)
    if (fitting === undefined) return { bytes: new Uint8Array(size), release: () => {} }
    const { kept, keptMax } = fitting
    const buffer = kept.pop() ?? new Uint8Array(fitting.size)
    let isReleased = false
    return {
      bytes: buffer.subarray(0, size),
      release: () => {
        if (!isReleased && kept.length < keptMax) kept.push(buffer)
        isReleased = true
      },
    }
  }
}
