/** The links to all chunk servers that are sent something: made and ended as the set of holders changes, and told where each server is. */
import { type Sessions } from '../servers/sessions.ts'
import { HolderLink, type HolderLinkDeps } from './holder-link.ts'

export interface HolderLinksDeps extends HolderLinkDeps {
  readonly sessions: Pick<Sessions, 'view' | 'sessions'>
}

export class HolderLinks {
  readonly #deps: HolderLinksDeps
  readonly #links = new Map<number, HolderLink>()
  /** By links that have ended. */
  #bytesSent = 0

  constructor(deps: HolderLinksDeps) {
    this.#deps = deps
  }

  get(server: number): HolderLink | undefined {
    return this.#links.get(server)
  }

  get all(): HolderLink[] {
    return [...this.#links.values()]
  }

  get isEmpty(): boolean {
    return this.#links.size === 0
  }

  /** The transaction up to which a server has synced all, in a whole copy; -1 if there is none. */
  durableOf(server: number): number {
    return this.#links.get(server)?.durable ?? -1
  }

  /** Frames sent to all of them. */
  get bytesSent(): number {
    return this.all.reduce((sum, link) => sum + link.bytesSent, this.#bytesSent)
  }

  /** From where on frames must be kept. */
  get keepsFrom(): number {
    return Math.min(...this.all.map(({ keepsFrom }) => keepsFrom ?? Infinity))
  }

  /** There is a link to each of these servers, and to no other; each knows where its server is now. */
  locate(taking: ReadonlySet<number>): void {
    const { sessions, onFatal } = this.#deps
    for (const [id, link] of this.#links) {
      if (taking.has(id)) continue
      this.#links.delete(id)
      this.#bytesSent += link.bytesSent
      link.stop().catch(onFatal)
    }
    for (const { id, internalAddress, incarnation, liveness } of sessions.view()) {
      if (!taking.has(id)) continue
      const link = this.#links.get(id) ?? new HolderLink(id, this.#deps)
      this.#links.set(id, link)
      const isThere = sessions.sessions.has(id) && liveness !== 'dead'
      link.locate(isThere ? internalAddress : null, incarnation)
    }
  }

  wake(): void {
    for (const link of this.#links.values()) link.wake()
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((link) => link.stop()))
    this.#links.clear()
  }
}
