/**
 * Frames of change sets that some holder has not confirmed: one after the other without a gap, in memory, bounded. Places in it are
 * numbers that count up over all frames there were; a place that was let go of is not found any more, and whoever was there needs a
 * snapshot.
 */
import { isSamePosition } from '@dfs/metadata-copy'
import { type Epoch } from '@dfs/protocol'

export interface ChangeFrame {
  readonly from: Epoch
  readonly to: Epoch
  readonly bytes: Uint8Array
}

interface Kept extends ChangeFrame {
  /** Bytes of all frames ever, up to the end of this one. */
  readonly upTo: number
}

export class ChangeLog {
  readonly #bytesMax: number
  #frames: Kept[] = []
  /** The place of the first frame. */
  #first = 0
  /** Bytes of all frames ever. */
  #upTo = 0
  #end: Epoch | null = null
  /** The last transaction that may be handed out. */
  #heldAt = Infinity

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get first(): number {
    return this.#first
  }

  /** The place behind the last frame. */
  get endPlace(): number {
    return this.#first + this.#frames.length
  }

  /** Where the last frame leads to; null while nothing is known of where the chain is. */
  get end(): Epoch | null {
    return this.#end
  }

  /** A frame that begins at the end. What is beyond the bound is let go of, the oldest first. */
  append(frame: ChangeFrame): void {
    this.#end = frame.to
    this.#upTo += frame.bytes.byteLength
    this.#frames.push({ ...frame, upTo: this.#upTo })
    const over = this.#upTo - this.#bytesMax
    if (this.bytesFrom(this.#first) <= this.#bytesMax) return
    this.#drop(this.#frames.findIndex(({ upTo, bytes }) => upTo - bytes.byteLength >= over))
  }

  /** Nothing that was there leads to `position`, where the chain begins anew. */
  restart(position: Epoch): void {
    this.#drop(this.#frames.length)
    // Nobody is at a place from before.
    this.#first += 1
    this.#end = position
  }

  /** Nothing behind a position is handed out, and nothing is let go of, until {@link release}. */
  hold({ sequence }: Epoch): void {
    this.#heldAt = sequence
  }

  release(): void {
    this.#heldAt = Infinity
  }

  /** Lets go of the frames before a place. */
  trim(place: number): void {
    if (this.#heldAt < Infinity) return
    this.#drop(Math.min(this.#frames.length, Math.max(0, place - this.#first)))
  }

  /** The place of the frame that begins at a position, or the end; null if there is none. */
  placeOf(position: Epoch): number | null {
    if (this.#end !== null && isSamePosition(position, this.#end)) return this.endPlace
    const place = this.#placeBehind(position.sequence)
    const frame = this.at(place)
    return frame !== null && isSamePosition(position, frame.from) ? place : null
  }

  /** Null for the end, and for what was let go of. */
  at(place: number): ChangeFrame | null {
    return this.#frames[place - this.#first] ?? null
  }

  /** Frames from a place on, up to `bytesMax`, but one at least if there is one. */
  next(place: number, bytesMax: number): ChangeFrame[] {
    const frames: ChangeFrame[] = []
    let bytes = 0
    for (let frame = this.at(place); frame !== null; frame = this.at(place + frames.length)) {
      if (frame.to.sequence > this.#heldAt) break
      bytes += frame.bytes.byteLength
      if (frames.length > 0 && bytes > bytesMax) break
      frames.push(frame)
    }
    return frames
  }

  /** Bytes of the frames from a place on that are here. */
  bytesFrom(place: number): number {
    const frame = this.#frames[Math.max(0, place - this.#first)]
    return frame === undefined ? 0 : this.#upTo - (frame.upTo - frame.bytes.byteLength)
  }

  /** The place of the first frame that leads further than `sequence`. */
  #placeBehind(sequence: number): number {
    let [low, high] = [0, this.#frames.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#frames[middle]!.to.sequence > sequence) high = middle
      else low = middle + 1
    }
    return this.#first + low
  }

  #drop(count: number): void {
    this.#frames.splice(0, count)
    this.#first += count
  }
}
