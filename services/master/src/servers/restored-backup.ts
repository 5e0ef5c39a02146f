/**
 * A master on a database that was restored from an older backup, found out. A server that registers says what it has seen;
 * if the database lacks that, changes are missing that clients were told of. The server is refused. If that happens
 * soon after the start, nobody is served at all: the other servers may have seen less, and with them alone the cluster would
 * go on without those changes and without a word. Later, when a cluster has been serving for a while, it is that one server.
 *
 * It holds for this start: the next one may be on another database.
 */
import { type Clock, type Log } from '@dfs/core'
import { DfsError, type Epoch, formatId } from '@dfs/protocol'

/** Servers that one log line each tells of, at most. */
const LOGGED_SERVERS_MAX = 100

/** What a server has seen that the database lacks. */
export interface Lack {
  readonly server: string
  readonly seen: Epoch
  readonly own: Epoch
  /** Where what was there of a torn transaction is kept; null if none was torn. */
  readonly torn: string | null
}

export class RestoredBackup {
  readonly #clock: Clock
  readonly #log: Log
  readonly #untilMs: number
  readonly #logged = new Set<string>()
  #reason: string | null = null

  /** Who comes back within `graceMs` of the start may stop it. */
  constructor({ clock, log, graceMs }: { clock: Clock; log: Log; graceMs: number }) {
    this.#clock = clock
    this.#log = log
    this.#untilMs = clock.monotonicMs() + graceMs
  }

  /** Why nobody is served, and what to do; null if nothing is known to be missing. */
  get reason(): string | null {
    return this.#reason
  }

  /** Throws UNAVAILABLE if nobody is served. */
  requireNone(): void {
    if (this.#reason !== null) throw new DfsError('UNAVAILABLE', this.#reason)
  }

  /** Throws STALE_EPOCH, for a server whom this database must not be obeyed by: it stays out, like all others. */
  requireNoneFor(server: string): void {
    if (this.#reason === null) return
    throw new DfsError('STALE_EPOCH', `${server} is not served: ${this.#reason}`)
  }

  /** Never returns: throws STALE_EPOCH. */
  refuse(lack: Lack): never {
    throw new DfsError('STALE_EPOCH', this.noteLack(lack))
  }

  /** What is missing, and what to do. */
  noteLack({ server, seen, own, torn }: Lack): string {
    const why =
      torn === null
        ? 'The metadata is a restored backup: stop the master, and put the newest copy of its data directory back, or give up what is missing (dfs recover)'
        : 'A start went on without the last transaction of its log, which was not whole: what there was of it is kept as ' +
          `${torn}*, see docs/operating.md`
    const reason =
      `changes that clients were told of are missing: ${server} has seen transaction ${seen.sequence} of start ` +
      `${formatId(seen.counter)} of the master, and the metadata, at ${own.sequence}, lacks it. ${why}`
    if (this.#clock.monotonicMs() < this.#untilMs) this.#reason ??= reason
    if (!this.#logged.has(server) && this.#logged.size < LOGGED_SERVERS_MAX) {
      this.#logged.add(server)
      this.#log.error({ server, seen, own, isServing: this.#reason === null }, reason)
    }
    return reason
  }
}
