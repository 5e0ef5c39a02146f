/**
 * A snapshot on its way: read once, sent to all holders that need it. Frames wait for the slowest of them, in a bounded window; who
 * fails is left behind and needs another one.
 */
import { type Epoch } from '@dfs/protocol'

export class Shipment {
  readonly position: Epoch
  readonly #windowBytes: number
  readonly #at = new Map<number, number>()
  #frames: Uint8Array[] = []
  #first = 0
  #bytes = 0
  #isComplete = false
  #room = Promise.withResolvers<void>()
  readonly #over = Promise.withResolvers<void>()
  #takenCount = 0

  constructor(position: Epoch, windowBytes: number) {
    this.position = position
    this.#windowBytes = windowBytes
  }

  /** Whether someone takes part: otherwise there is no use in reading on. */
  get isWanted(): boolean {
    return this.#at.size > 0
  }

  /** Resolves when nobody takes part any more. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  /** Servers that have all of it. */
  get takenCount(): number {
    return this.#takenCount
  }

  join(server: number): void {
    this.#at.set(server, 0)
  }

  leave(server: number): void {
    this.#at.delete(server)
    this.#trim()
  }

  has(server: number): boolean {
    return this.#at.has(server)
  }

  /** Whether this server has confirmed a frame: what the master changes from the position on may follow. */
  hasBegun(server: number): boolean {
    return (this.#at.get(server) ?? 0) > 0
  }

  /** What a server has not confirmed, up to `bytesMax`, but one frame at least if there is one. */
  next(server: number, bytesMax: number): Uint8Array[] {
    const frames: Uint8Array[] = []
    let bytes = 0
    for (const frame of this.#frames.slice((this.#at.get(server) ?? Infinity) - this.#first)) {
      bytes += frame.byteLength
      if (frames.length > 0 && bytes > bytesMax) break
      frames.push(frame)
    }
    return frames
  }

  /** A server has so many frames more; the last of all lets it leave. */
  confirm(server: number, count: number): void {
    const at = this.#at.get(server)
    if (at === undefined) return
    this.#at.set(server, at + count)
    if (this.#isComplete && at + count === this.#first + this.#frames.length) {
      this.#takenCount += 1
      this.#at.delete(server)
    }
    this.#trim()
  }

  /** Resolves when there is room for another frame, or nobody is left. */
  async room(): Promise<void> {
    while (this.isWanted && this.#bytes >= this.#windowBytes) await this.#room.promise
  }

  push(frame: Uint8Array, isLast: boolean): void {
    this.#frames.push(frame)
    this.#bytes += frame.byteLength
    this.#isComplete = isLast
  }

  /** Nothing more comes. */
  end(): void {
    this.#at.clear()
    this.#trim()
  }

  #trim(): void {
    const done = Math.min(this.#first + this.#frames.length, ...this.#at.values()) - this.#first
    for (const frame of this.#frames.splice(0, done)) this.#bytes -= frame.byteLength
    this.#first += done
    if (!this.isWanted) this.#over.resolve()
    this.#room.resolve()
    this.#room = Promise.withResolvers()
  }
}
