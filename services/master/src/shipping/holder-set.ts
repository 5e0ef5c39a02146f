/**
 * Who holds copies (R25): brings a copy to those who are to, proposes sets and settles them, and tells those who are no holders any more that
 * theirs may go. What is decided is the domain's (domain/shipping/plan-holders.ts).
 */
import { type Clock, type Runtime, TransportError } from '@dfs/core'
import {
  callMethod,
  DfsError,
  type Epoch,
  FEATURE_LEVEL_UNSAID,
  forgetMetadataCopy,
  MESSAGES,
  type ServerInfo,
} from '@dfs/protocol'
import { type HolderCandidate, planHolders } from '../domain/shipping/plan-holders.ts'
import { enoughToChange, reachedBy } from '../domain/shipping/quorum.ts'
import { type HolderStore } from '../metadata/holder-store.ts'
import { type RecoveryStore } from '../metadata/recovery-store.ts'
import { type Sessions } from '../servers/sessions.ts'
import { type HolderLink } from './holder-link.ts'
import { type HolderLinks } from './holder-links.ts'

const FORGET_TIMEOUT_MS = 2000
const FULL_FOR_MS = 60_000

export interface HolderSetDeps {
  readonly runtime: Pick<Runtime, 'transport' | 'log'>
  readonly clock: Clock
  readonly clusterId: string
  readonly epoch: () => Epoch
  readonly holding: HolderStore
  readonly recovering: Pick<RecoveryStore, 'mayDelete'>
  readonly sessions: Pick<Sessions, 'get' | 'view' | 'sessions' | 'isSharing'>
  readonly links: HolderLinks
  /** Whether a copy is whole and lacks next to nothing. */
  readonly isAtEnd: (link: HolderLink) => boolean
  /** Whether a server that was not heard may still be on its way. */
  readonly isInGrace: () => boolean
}

export class HolderSet {
  readonly #deps: HolderSetDeps
  /** The transaction that proposed the set that is to count; of an earlier start, the one that this start began with. */
  #proposedAt: number
  #isChanging = false
  #bringing: ReadonlySet<number> = new Set()
  /** In which of its lives each server was told that its copy may go. */
  readonly #forgotten = new Map<number, number>()
  readonly #fullUntilMs = new Map<number, number>()

  constructor(deps: HolderSetDeps) {
    this.#deps = deps
    this.#proposedAt = deps.epoch().sequence
  }

  /** Servers of the set that counts. Those that were removed count for nothing: nobody waits for what they would say. */
  get counting(): readonly number[] {
    const { holding, sessions } = this.#deps
    return holding.sets().counting.filter((id) => sessions.get(id)?.mode !== 'removed')
  }

  /** All that are sent something. */
  get taking(): Set<number> {
    return new Set([...this.counting, ...this.#deps.holding.sets().next, ...this.#bringing])
  }

  /** The transaction that at least `need` of the set have. */
  placedBy(need: number): number {
    return reachedBy(
      this.counting.map((id) => this.#deps.links.durableOf(id)),
      need,
    )
  }

  /** To be called now and then: one step at most. Throws as the store does. */
  async step(): Promise<void> {
    if (this.#isChanging) return
    const { holding } = this.#deps
    const { counting, next } = holding.sets()
    const servers = this.#deps.sessions.view().filter(({ mode }) => mode !== 'removed')
    const { bring, propose } = planHolders({
      servers: this.#candidates(servers),
      sets: holding.sets(),
      bringing: this.#bringing,
      atEnd: new Set(this.#deps.links.all.filter(this.#deps.isAtEnd).map(({ server }) => server)),
    })
    this.#bringing = new Set(bring)
    if (propose !== null) await this.#change(async () => this.#propose(propose))
    else if (String(counting) !== String(next) && this.#isKnownEnough()) {
      await this.#change(async () => {
        await holding.settle()
        this.#deps.runtime.log.info({ servers: holding.sets().counting }, 'holders of the metadata changed')
      })
    }
  }

  /** Tells servers that are no holders that what they have may go; resolves when they have answered. */
  async forgetOthers(): Promise<void> {
    // Of a history that nobody has confirmed: one of them may have more than it was begun from.
    if (!this.#deps.recovering.mayDelete()) return
    const taking = this.taking
    const others = this.#deps.sessions
      .view()
      .filter(
        (server) =>
          server.liveness === 'alive' &&
          isAble(server) &&
          !taking.has(server.id) &&
          this.#forgotten.get(server.id) !== server.incarnation,
      )
    for (const id of taking) this.#forgotten.delete(id)
    await Promise.all(others.map((server) => this.#tellToForget(server)))
  }

  async #propose(servers: readonly number[]): Promise<void> {
    this.#proposedAt = await this.#deps.holding.propose(servers)
    this.#deps.runtime.log.info({ servers }, 'holders of the metadata are to change')
  }

  async #change(work: () => Promise<void>): Promise<void> {
    this.#isChanging = true
    try {
      await work()
    } finally {
      this.#isChanging = false
    }
  }

  /** Whether whoever reaches most of the present set learns of the proposed one. */
  #isKnownEnough(): boolean {
    return this.placedBy(enoughToChange(this.counting.length)) >= this.#proposedAt
  }

  #candidates(servers: readonly ServerInfo[]): HolderCandidate[] {
    const { sessions, isInGrace } = this.#deps
    return servers.map((server) => {
      const { id, zone, liveness } = server
      const isHeard = sessions.sessions.has(id)
      const isThere = isHeard && liveness === 'alive' && !sessions.isSharing(id)
      const isUsable = isThere && isAble(server) && this.#hasRoom(server)
      return { id, zone, isUsable, isSound: isUsable || (!isHeard && isInGrace()) }
    })
  }

  /** Who has said lately that a copy does not fit is not asked again at once. */
  #hasRoom({ id, isFull }: ServerInfo): boolean {
    const nowMs = this.#deps.clock.monotonicMs()
    if (this.#deps.links.get(id)?.hasRoom === false) this.#fullUntilMs.set(id, nowMs + FULL_FOR_MS)
    return !isFull && (this.#fullUntilMs.get(id) ?? 0) <= nowMs
  }

  async #tellToForget({ id, incarnation, internalAddress }: ServerInfo): Promise<void> {
    const { runtime, clusterId, epoch } = this.#deps
    const options = { timeoutMs: FORGET_TIMEOUT_MS }
    try {
      const request = { clusterId, epoch: epoch() }
      await callMethod(runtime.transport, internalAddress, forgetMetadataCopy, request, options)
      this.#forgotten.set(id, incarnation)
    } catch (error) {
      if (!(error instanceof DfsError || error instanceof TransportError)) throw error
      runtime.log.debug({ server: id, err: error }, 'a server was not told that its copy may go')
    }
  }
}

const isAble = ({ featureLevel = FEATURE_LEVEL_UNSAID }: ServerInfo): boolean =>
  featureLevel >= MESSAGES.metadataCopies
