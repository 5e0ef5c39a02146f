/**
 * Connections that have not proven yet that a node of the cluster made them. There are few places for them and little time, so
 * that no number of strangers takes a place from a peer, whose connection leaves this list with its proof. Beyond the places
 * the oldest one goes, of the address that has most: a peer needs two round trips, whoever keeps a place is no peer.
 */
import { type Socket } from 'node:net'
import { type Clock } from '@dfs/core'

export const UNPROVEN_MAX = 128
/** A caller itself gives up after two seconds; a busy machine gets some more. */
export const PROVEN_WITHIN_MS = 5000
const BEAT_MS = 1000

export class UnprovenConnections {
  readonly #clock: Clock
  /** By address, and by when they were made, oldest first. */
  readonly #byAddress = new Map<string, Map<Socket, number>>()
  readonly #closed = new AbortController()
  #count = 0
  #isBeating = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get count(): number {
    return this.#count
  }

  /** Makes room for it if there is none. */
  add(socket: Socket): void {
    const address = socket.remoteAddress ?? ''
    const others = this.#byAddress.get(address) ?? new Map<Socket, number>()
    this.#byAddress.set(address, others.set(socket, this.#clock.monotonicMs()))
    this.#count += 1
    socket.once('close', () => this.#remove(address, socket))
    if (this.#count > UNPROVEN_MAX) this.#evict()
    if (!this.#isBeating && !this.#closed.signal.aborted) void this.#beat()
  }

  /** It has proven what it must. */
  noteProven(socket: Socket): void {
    for (const address of this.#byAddress.keys()) if (this.#remove(address, socket)) return
  }

  /** Stops looking at the time. Idempotent. */
  close(): void {
    this.#closed.abort()
  }

  #remove(address: string, socket: Socket): boolean {
    const sockets = this.#byAddress.get(address)
    if (sockets?.delete(socket) !== true) return false
    this.#count -= 1
    if (sockets.size === 0) this.#byAddress.delete(address)
    return true
  }

  #evict(): void {
    let [most, from]: [Map<Socket, number> | null, string] = [null, '']
    for (const [address, sockets] of this.#byAddress)
      if (most === null || sockets.size > most.size) [most, from] = [sockets, address]
    const oldest = most?.keys().next().value
    if (oldest === undefined) return
    this.#remove(from, oldest)
    oldest.destroy()
  }

  /** As long as there are any: one look a second at all of them. */
  async #beat(): Promise<void> {
    this.#isBeating = true
    while (this.#count > 0) {
      const isOver = await this.#clock.sleep(BEAT_MS, this.#closed.signal).then(
        () => false,
        () => true,
      )
      if (isOver) break
      const beforeMs = this.#clock.monotonicMs() - PROVEN_WITHIN_MS
      for (const sockets of this.#byAddress.values())
        for (const [socket, sinceMs] of sockets) if (sinceMs <= beforeMs) socket.destroy()
    }
    this.#isBeating = false
  }
}
