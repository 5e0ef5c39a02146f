/**
 * Whom to ask. Any node lists the chunk servers at addresses that this client can reach; the list is kept for a few
 * seconds, and asked for again after a failure, of several nodes if the first is silent. A server that just failed is
 * tried last, not never: it may be the only one.
 */
import { type Avoidance, avoidLonger, type Clock, isAvoided } from '@dfs/core'
import { type ServerListView, type ServerView } from '@dfs/protocol'
import { AVOID_SERVER_MS_MAX, LIST_STAGGER_MS } from './options.ts'
import { firstToAnswer } from './staggered.ts'

export interface ServerDirectoryOptions {
  readonly clock: Clock
  /** The node that the user named. */
  readonly entryUrl: string
  readonly freshMs: number
  /** How long a server is avoided after a failure; twice as long after each further one in a row. */
  readonly avoidMs: number
  /** `GET /v1/servers` at one node; rejects if it does not answer. */
  readonly ask: (origin: string, signal: AbortSignal) => Promise<ServerListView>
}

export class ServerDirectory {
  readonly #options: ServerDirectoryOptions
  readonly #avoided = new Map<string, Avoidance>()
  #origins: readonly string[] = []
  #freshUntilMs = -Infinity
  /** After a list that nobody gave: the next one is not asked for before. */
  #askAgainAtMs = -Infinity
  /** Who gave the last list: most likely to give the next one, too. */
  #lastLister: string | null = null
  #hasAnswered = false
  #refreshing: Promise<void> | null = null

  constructor(options: ServerDirectoryOptions) {
    this.#options = options
  }

  /** The node that the user named. */
  get entryUrl(): string {
    return this.#options.entryUrl
  }

  /** Whether any node has answered so far. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /**
   * Addresses, best first: the preferred server, then those alive, then those suspect, then those that failed, the one
   * that did so last at the end. The named node comes after the others if `withEntry`, because it may not carry
   * content. Rejects as `ask` does if no list was ever got.
   */
  async candidates(withEntry: boolean): Promise<string[]> {
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs >= this.#freshUntilMs && nowMs >= this.#askAgainAtMs) {
      this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null))
      await this.#refreshing
    }
    const known = [...this.#origins]
    if (withEntry && !known.includes(this.#options.entryUrl)) known.push(this.#options.entryUrl)
    return known.toSorted((left, right) => this.#avoidedUntil(left) - this.#avoidedUntil(right))
  }

  /** A server failed: others come first for a while, and the list is asked for again. */
  avoid(origin: string): void {
    const { avoidMs, clock } = this.#options
    this.#freshUntilMs = -Infinity
    const limits = { firstMs: avoidMs, msMax: AVOID_SERVER_MS_MAX }
    this.#avoided.set(origin, avoidLonger(this.#avoided.get(origin), limits, clock.monotonicMs()))
  }

  /** A server answered, and well: it is as good as any other. */
  noteSuccess(origin: string): void {
    this.#avoided.delete(origin)
  }

  /** 0 for a server that is not avoided now. */
  #avoidedUntil(origin: string): number {
    const avoided = this.#avoided.get(origin)
    return avoided !== undefined && isAvoided(avoided, this.#options.clock.monotonicMs())
      ? avoided.untilMs
      : 0
  }

  async #refresh(): Promise<void> {
    const { entryUrl, clock, freshMs, avoidMs, ask } = this.#options
    const listers = new Set([this.#lastLister ?? entryUrl, entryUrl, ...this.#origins])
    const asks = [...listers].map((origin) => async (signal: AbortSignal) => {
      return { origin, list: await ask(origin, signal) }
    })
    try {
      const { origin, list } = await firstToAnswer(asks, clock, LIST_STAGGER_MS)
      this.#origins = list.servers.filter(isUsable).toSorted(byPreference).map(originOf)
      this.#lastLister = origin
      this.#hasAnswered = true
      this.#freshUntilMs = clock.monotonicMs() + freshMs
      this.#forget()
    } catch (error) {
      // An old list is better than none: the servers on it may answer though nobody could list them.
      if (this.#origins.length === 0) throw error
      this.#askAgainAtMs = clock.monotonicMs() + avoidMs
    }
  }

  /** Servers that are no longer there leave nothing behind. */
  #forget(): void {
    const { entryUrl } = this.#options
    for (const origin of this.#avoided.keys()) {
      if (origin !== entryUrl && !this.#origins.includes(origin)) this.#avoided.delete(origin)
    }
  }
}

const isUsable = (server: ServerView): boolean => server.liveness !== 'dead' && URL.canParse(server.url)

const rank = (server: ServerView): number =>
  (server.liveness === 'alive' ? 0 : 2) + (server.isPreferred ? 0 : 1)

const byPreference = (left: ServerView, right: ServerView): number => rank(left) - rank(right)

const originOf = (server: ServerView): string => new URL(server.url).origin
