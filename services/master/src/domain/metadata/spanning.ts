/**
 * Contents that lie in more than one volume: at most a few for each volume that fills up. All are in memory, so that whoever
 * counts files by volumes knows which of them were counted more than once, and whoever asks for the volumes of a content needs
 * no row. Whatever moves a chunk to another volume has to keep this.
 */
import { type SpanningRows } from './rows.ts'

export class Spanning {
  readonly #rows: SpanningRows
  readonly #volumes = new Map<number, number[]>()

  constructor(rows: SpanningRows) {
    this.#rows = rows
    for (const { content_id: content, volume } of rows.load()) this.#put(content, volume)
  }

  /** A version was made of a content. */
  note(content: number, volumes: readonly number[]): void {
    if (volumes.length < 2) return
    for (const volume of volumes) {
      this.#rows.insert({ content_id: content, volume })
      this.#put(content, volume)
    }
  }

  /** By id; null if it lies in one volume, or in none. */
  volumesOf(content: number): readonly number[] | null {
    return this.#volumes.get(content) ?? null
  }

  /** The volumes of each. */
  all(): IterableIterator<readonly number[]> {
    return this.#volumes.values()
  }

  #put(content: number, volume: number): void {
    const known = this.#volumes.get(content)
    if (known === undefined) this.#volumes.set(content, [volume])
    else known.push(volume)
  }
}
