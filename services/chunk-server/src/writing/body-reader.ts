/** Cuts a body into chunks without copying it: a chunk is the list of the pieces that arrived, the last one split where it must be. */
import { type BodySource } from '@dfs/protocol'

export interface BodyPart {
  readonly pieces: readonly Uint8Array[]
  readonly length: number
  /** Whether the body ended with this part. */
  readonly isLast: boolean
}

const HURRIED = Symbol('hurried')

export class BodyReader {
  readonly #source: BodySource
  #left: Uint8Array | null = null
  /** Asked for and not arrived yet: whoever was hurried finds it again at the next call. */
  #coming: Promise<Uint8Array | null> | null = null

  constructor(source: BodySource) {
    this.#source = source
  }

  /**
   * The next `bytesMax` bytes, or fewer if the body ends. A body that ends exactly here is noticed here, so that no
   * empty part follows a full one. Fewer as well, perhaps none, once `hurry` resolves. Throws what the source throws.
   */
  async read(bytesMax: number, hurry?: Promise<void>): Promise<BodyPart> {
    const pieces: Uint8Array[] = []
    let length = 0
    const hurried = hurry?.then((): typeof HURRIED => HURRIED)
    for (;;) {
      const piece = await this.#next(hurried)
      if (piece === HURRIED) return { pieces, length, isLast: false }
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

  async #next(hurried: Promise<typeof HURRIED> | undefined): Promise<Uint8Array | null | typeof HURRIED> {
    const left = this.#left
    this.#left = null
    if (left !== null) return left
    this.#coming ??= this.#source.next()
    const piece = hurried === undefined ? await this.#coming : await Promise.race([this.#coming, hurried])
    if (piece !== HURRIED) this.#coming = null
    return piece
  }
}
