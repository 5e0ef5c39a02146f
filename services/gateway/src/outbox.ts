/**
 * The sending half of a connection. It hands over no more than the system takes, so a client that does not read its
 * replies holds one of them and nothing else, and is reset when it takes none of it for a minute.
 */
import { type Clock } from '@dfs/core'
import { KIB } from '@dfs/protocol'
import { type LineSocket } from './ports.ts'

/** Small replies leave in one write, as clients that read once expect; larger ones in pieces of this size. */
const PIECE_BYTES = 64 * KIB
/** A client that has taken nothing for that long, while this much waits for it, holds memory and is given up. */
const STALLED_MS = 60_000

export class Outbox {
  readonly #socket: LineSocket
  readonly #clock: Clock
  readonly #gone: AbortSignal

  constructor(socket: LineSocket, clock: Clock, gone: AbortSignal) {
    this.#socket = socket
    this.#clock = clock
    this.#gone = gone
  }

  /** Resolves when the system has taken so much that more may be sent, or when nobody is there to receive it. */
  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength && !this.#gone.aborted; at += PIECE_BYTES) {
      const isFlowing = this.#socket.write(bytes.subarray(at, at + PIECE_BYTES))
      if (!isFlowing) await this.#drain()
    }
  }

  async #drain(): Promise<void> {
    const drained = new AbortController()
    const stalled = this.#clock.sleep(STALLED_MS, drained.signal).then(
      () => this.#socket.reset(),
      () => {},
    )
    await Promise.race([this.#socket.drained(), stalled])
    drained.abort()
  }
}
