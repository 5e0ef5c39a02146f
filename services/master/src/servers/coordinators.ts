/** Which chunk server is to answer a client: alive by its heartbeats, and by an answer just now. */
import { type Transport, TransportError } from '@dfs/core'
import { callMethod, DfsError, ping, type ServerInfo } from '@dfs/protocol'
import { type Sessions } from './sessions.ts'

/** How long a chunk server may take to say that it is there, before another one is chosen. */
const PING_TIMEOUT_MS = 300

export class Coordinators {
  readonly #sessions: Sessions
  readonly #transport: Transport

  constructor(sessions: Sessions, transport: Transport) {
    this.#sessions = sessions
    this.#transport = transport
  }

  /**
   * They take turns. One that has answered just now: a server that died since its last heartbeat would cost a caller who
   * follows an error. If none answers, one all the same; null if none is alive besides those `tried`.
   */
  async next(tried: ReadonlySet<number> = new Set()): Promise<ServerInfo | null> {
    for (let tries = this.#sessions.view().length; tries > 0; tries -= 1) {
      const target = this.#nextBut(tried)
      if (target === null || (await this.answers(target, PING_TIMEOUT_MS))) return target
    }
    return this.#nextBut(tried)
  }

  /** Whether the server gives any answer, a refusal too, within that time. */
  async answers({ internalAddress }: ServerInfo, timeoutMs: number): Promise<boolean> {
    try {
      await callMethod(this.#transport, internalAddress, ping, {}, { timeoutMs })
      return true
    } catch (error) {
      if (error instanceof DfsError) return true
      if (error instanceof TransportError) return false
      throw error
    }
  }

  #nextBut(tried: ReadonlySet<number>): ServerInfo | null {
    for (let tries = tried.size; tries >= 0; tries -= 1) {
      const target = this.#sessions.nextCoordinator()
      if (target === null || !tried.has(target.id)) return target
    }
    return null
  }
}
