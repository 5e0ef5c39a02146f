/**
 * The chunks of long writes put together. Pure. Each was stored by a request of its own, and nothing names the write: what its chunks
 * have in common is who wrote them, the path, and that each begins where another one ends. A write has its volume to itself while its
 * chunks are on their way, so of several that would fit the one in the same volume is meant; a chunk that was stored again elsewhere,
 * because its volume ended, begins within what is there. Where two would fit as well, the chunk begins a piece of its own: bytes of two
 * writes are never put into one file.
 */

/** A chunk of a write that was lost; `size` is that of its record. */
export interface LostChunk {
  readonly start: number
  readonly volume: number
  readonly offset: number
  readonly size: number
  readonly length: number
  readonly crc32: number
  readonly copies: number
  readonly zones: number
  /** Whether a row names it, under the content of the upload. */
  readonly isStaged: boolean
}

/** A chunk with the request that stored it. */
export interface NumberedChunk extends LostChunk {
  readonly number: number
}

/** A write, or what is known of it. */
export class LongWrite {
  readonly #chunks = new Map<number, NumberedChunk>()
  #begin = Infinity
  #end = 0
  #lastVolume = 0

  constructor(chunks: readonly NumberedChunk[]) {
    for (const chunk of chunks) this.add(chunk)
  }

  get begin(): number {
    return this.#begin
  }

  get end(): number {
    return this.#end
  }

  get lastVolume(): number {
    return this.#lastVolume
  }

  /** By start. */
  get chunks(): NumberedChunk[] {
    return [...this.#chunks.values()].toSorted((a, b) => a.start - b.start)
  }

  /** Of a chunk that was stored twice the one that a row names stays, or else the one with more copies, or the later one. */
  add(chunk: NumberedChunk): void {
    const { start, length, volume } = chunk
    this.#begin = Math.min(this.#begin, start)
    this.#end = Math.max(this.#end, start + length)
    this.#lastVolume = volume
    const before = this.#chunks.get(start)
    if (before !== undefined && (before.isStaged || before.copies > chunk.copies)) return
    this.#chunks.set(start, chunk)
  }
}

/** All chunks that one server has stored under one path, as writes: those that were under way, and new ones. */
export function joinChunks(underWay: readonly LongWrite[], chunks: readonly NumberedChunk[]): LongWrite[] {
  const writes = [...underWay]
  for (const chunk of chunks.toSorted((a, b) => a.number - b.number)) {
    const write = chunk.start === 0 ? null : theOnly(writes, chunk)
    if (write === null) writes.push(new LongWrite([chunk]))
    else write.add(chunk)
  }
  return joinPieces(writes)
}

/** The one write that a chunk goes on with; null if there is none, or more than one. */
function theOnly(
  writes: readonly LongWrite[],
  { start, volume }: Pick<NumberedChunk, 'start' | 'volume'>,
): LongWrite | null {
  const ways: readonly ((write: LongWrite) => boolean)[] = [
    ({ end, lastVolume }) => end === start && lastVolume === volume,
    ({ end }) => end === start,
    ({ begin, end, lastVolume }) => begin <= start && start < end && lastVolume === volume,
    ({ begin, end }) => begin <= start && start < end,
  ]
  for (const fits of ways) {
    const [first, second] = writes.filter(fits)
    if (first !== undefined) return second === undefined ? first : null
  }
  return null
}

/** Chunks that were stored again may have come in another order: pieces that fit are put behind what they go on with. */
function joinPieces(writes: readonly LongWrite[]): LongWrite[] {
  const whole = writes.filter(({ begin }) => begin === 0)
  const left: LongWrite[] = []
  for (const piece of writes.filter(({ begin }) => begin > 0).toSorted((a, b) => a.begin - b.begin)) {
    const [first] = piece.chunks as [NumberedChunk]
    const before = theOnly([...whole, ...left], first)
    if (before === null) left.push(piece)
    else for (const chunk of piece.chunks) before.add(chunk)
  }
  return [...whole, ...left]
}
