/**
 * A snapshot on its way: read once, sent to all holders that need it. Frames wait for the slowest of them, in a bounded window, and
 * not for ever: others are no whole copy meanwhile. Who fails, or keeps others waiting, is left behind and needs another one.
 */
import { type Clock, DeadlineError, withDeadline } from '@dfs/core'
import { type Epoch } from '@dfs/protocol'

/** So long, all in all, someone who has all that was read waits for the slowest; and for longer while it is half of the time at most. */
export const HELD_UP_MS = 10_000

export interface ShipmentOptions {
  readonly position: Epoch
  readonly windowBytes: number
  readonly clock: Clock
  /** A server has kept others waiting for too long, and does not take part any more. */
  readonly onTooSlow: (server: number) => void
}

export class Shipment {
  readonly position: Epoch
  readonly #its: ShipmentOptions
  readonly #at = new Map<number, number>()
  #frames: Uint8Array[] = []
  #first = 0
  #bytes = 0
  #isComplete = false
  #room = Promise.withResolvers<void>()
  readonly #over = Promise.withResolvers<void>()
  #takenCount = 0
  /** Since the beginning, or since the last one was left behind. */
  #sinceMs: number
  #heldUpMs = 0

  constructor(options: ShipmentOptions) {
    this.position = options.position
    this.#its = options
    this.#sinceMs = options.clock.monotonicMs()
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
    if (this.#isComplete && at + count === this.#end) {
      this.#takenCount += 1
      this.#at.delete(server)
    }
    this.#trim()
  }

  /** Resolves when there is room for another frame, or nobody is left. */
  async room(): Promise<void> {
    while (this.isWanted && this.#bytes >= this.#its.windowBytes) {
      if (this.#isAnyoneAtEnd) await this.#waitForSlowest()
      else await this.#room.promise
    }
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

  get #end(): number {
    return this.#first + this.#frames.length
  }

  get #isAnyoneAtEnd(): boolean {
    return [...this.#at.values()].includes(this.#end)
  }

  async #waitForSlowest(): Promise<void> {
    const { clock } = this.#its
    const nowMs = clock.monotonicMs()
    const leftMs = Math.max(HELD_UP_MS - this.#heldUpMs, nowMs - this.#sinceMs - 2 * this.#heldUpMs)
    try {
      await withDeadline(clock, Math.max(0, leftMs), () => this.#room.promise)
      this.#heldUpMs += clock.monotonicMs() - nowMs
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error
      this.#heldUpMs = 0
      this.#sinceMs = clock.monotonicMs()
      this.#leaveSlowest()
    }
  }

  #leaveSlowest(): void {
    for (const [server, at] of this.#at) {
      if (at > this.#first) continue
      this.leave(server)
      this.#its.onTooSlow(server)
    }
  }

  #trim(): void {
    const done = Math.min(this.#end, ...this.#at.values()) - this.#first
    for (const frame of this.#frames.splice(0, done)) this.#bytes -= frame.byteLength
    this.#first += done
    if (!this.isWanted) this.#over.resolve()
    this.#room.resolve()
    this.#room = Promise.withResolvers()
  }
}
