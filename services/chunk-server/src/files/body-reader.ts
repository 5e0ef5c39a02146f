/** Cuts a body into chunks without copying it: a chunk is the list of the pieces that arrived, the last one split where it must be. */
import { type BodySource } from '@dfs/public-api'

export interface BodyPart {
  readonly pieces: readonly Uint8Array[]
  readonly length: number
  /** Whether the body ended with this part. */
  readonly isLast: boolean
}

export class BodyReader {
  readonly #source: BodySource
  #left: Uint8Array | null = null

  constructor(source: BodySource) {
    this.#source = source
  }

  /**
   * The next `bytesMax` bytes, or fewer where the body ends. A body that ends exactly here is noticed here, so that no
   * empty part follows a full one. Throws what the source throws.
   */
  async read(bytesMax: number): Promise<BodyPart> {
    const pieces: Uint8Array[] = []
    let length = 0
    for (;;) {
      const piece = this.#left ?? (await this.#source.next())
      this.#left = null
      if (piece === null) return { pieces, length, isLast: true }
      if (length === bytesMax) {
        this.#left = piece
        return { pieces, length, isLast: false }
      }
      const taken = piece.byteLength <= bytesMax - length ? piece : piece.subarray(0, bytesMax - length)
      pieces.push(taken)
      length += taken.byteLength
      if (taken.byteLength < piece.byteLength) this.#left = piece.subarray(taken.byteLength)
    }
  }
}
