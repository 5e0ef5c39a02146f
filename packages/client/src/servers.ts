/**
 * Whom to ask. Any node lists the chunk servers at addresses that this client can reach; the list is kept for a few
 * seconds, and asked for again after a failure. A server that just failed is tried last, not never: it may be the only one.
 */
import { type Clock } from '@dfs/core'
import { type ServerListView, type ServerView } from '@dfs/protocol'

export interface ServerDirectoryOptions {
  readonly clock: Clock
  /** The node that the user named. */
  readonly entryUrl: string
  readonly freshMs: number
  readonly avoidMs: number
  /** `GET /v1/servers` at one node; rejects where it does not answer. */
  readonly ask: (origin: string) => Promise<ServerListView>
}

export class ServerDirectory {
  readonly #options: ServerDirectoryOptions
  readonly #avoidUntilMs = new Map<string, number>()
  #origins: readonly string[] = []
  #freshUntilMs = -Infinity
  #hasAnswered = false
  #refreshing: Promise<void> | null = null

  constructor(options: ServerDirectoryOptions) {
    this.#options = options
  }

  /** Whether any node has answered so far. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /**
   * Addresses, best first: the preferred server, then those alive, then those suspect. The named node comes last where
   * `withEntry`, because it may not carry content. Rejects as `ask` does where no list was ever got.
   */
  async candidates(withEntry: boolean): Promise<string[]> {
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs >= this.#freshUntilMs) {
      this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null))
      await this.#refreshing
    }
    const known = [...this.#origins]
    if (withEntry && !known.includes(this.#options.entryUrl)) known.push(this.#options.entryUrl)
    const isAvoided = (origin: string): number => Number((this.#avoidUntilMs.get(origin) ?? 0) > nowMs)
    return known.toSorted((left, right) => isAvoided(left) - isAvoided(right))
  }

  /** A server failed: others come first for a while, and the list is asked for again. */
  avoid(origin: string): void {
    this.#avoidUntilMs.set(origin, this.#options.clock.monotonicMs() + this.#options.avoidMs)
    this.#freshUntilMs = -Infinity
  }

  async #refresh(): Promise<void> {
    const { entryUrl, clock, freshMs } = this.#options
    let failure: unknown = null
    for (const origin of new Set([entryUrl, ...this.#origins])) {
      try {
        const { servers } = await this.#options.ask(origin)
        this.#origins = servers.filter(isUsable).toSorted(byPreference).map(originOf)
        this.#hasAnswered = true
        this.#freshUntilMs = clock.monotonicMs() + freshMs
        for (const [known, untilMs] of this.#avoidUntilMs) {
          if (untilMs <= clock.monotonicMs()) this.#avoidUntilMs.delete(known)
        }
        return
      } catch (error) {
        failure ??= error
      }
    }
    // An old list is better than none: the servers on it may answer though nobody could list them.
    if (this.#origins.length === 0) throw failure
  }
}

const isUsable = (server: ServerView): boolean => server.liveness !== 'dead' && URL.canParse(server.url)

const rank = (server: ServerView): number =>
  (server.liveness === 'alive' ? 0 : 2) + (server.isPreferred ? 0 : 1)

const byPreference = (left: ServerView, right: ServerView): number => rank(left) - rank(right)

const originOf = (server: ServerView): string => new URL(server.url).origin
