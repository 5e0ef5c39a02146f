/**
 * What keeps this server out, or the master from being obeyed, for whoever asks whether it is ready. Neither passes by: both are
 * said until the master answers like one that is obeyed.
 */
import { type Log, TransportError } from '@dfs/core'
import { DfsError, ERRORS } from '@dfs/protocol'

export class Refusals {
  readonly #log: Log
  #outdated: string | null = null
  #removal: string | null = null

  constructor(log: Log) {
    this.#log = log
  }

  /** Why the master is not obeyed, or does not let this server in; null if it is obeyed. */
  get why(): string | null {
    if (this.#removal !== null) return `${this.#removal}. ${ERRORS.SERVER_REMOVED.fix}`
    return this.#outdated === null ? null : `the master is not obeyed: ${this.#outdated}`
  }

  /** The master says that its metadata lacks what was seen here, or this server sees that itself. */
  note(error: unknown): void {
    const cause = error instanceof TransportError ? error.cause : error
    if (cause instanceof DfsError && cause.code === 'STALE_EPOCH') this.#outdated = cause.detail
  }

  /** This server was removed as gone for good. It is logged once. */
  noteRemoval({ detail }: DfsError): void {
    if (this.#removal === detail) return
    this.#removal = detail
    const { fix } = ERRORS.SERVER_REMOVED
    this.#log.error({ fix }, `${detail}: it does nothing, and asks once a minute whether that holds`)
  }

  /** The master has answered, and counts. */
  clear(): void {
    this.#outdated = null
    this.#removal = null
  }
}
