/**
 * The chunk servers as this start of the master knows them: who they are (from the store), when each was last heard, and
 * what it said about itself. All of it is gone with the process: servers register again, since their heartbeats are refused.
 */
import { type Clock } from '@dfs/core'
import { DfsError, FEATURE_LEVEL_UNSAID, type Liveness, type ServerInfo } from '@dfs/protocol'
import { type Hearing, isMajority, livenessOf, silenceMs } from '../domain/liveness.ts'
import { type Candidate, hasRoom } from '../domain/placement.ts'
import { aliveCoordinators, choosePreferred, type Coordinator } from '../domain/preferred.ts'
import { type RegisteredServer, type ServerLoad } from '../metadata/cluster-store.ts'
import { type SeenServer } from '../metadata/copy-store.ts'
import { type MasterSettings, roomLimits } from '../settings.ts'

const NO_LOAD: ServerLoad = Object.freeze({ openVolumes: 0, promisedBytes: 0 })

/** What a server says about itself each time. */
export interface Presence {
  readonly freeBytes: number
  readonly totalBytes: number
  readonly isFull: boolean
  readonly unreachable: readonly number[]
  readonly oldestDiskCallMs: number
  /** Which of its reports came with it; they rise within an incarnation. */
  readonly number: number
  readonly damagedRanges: number
  readonly repairedRecords: number
}

interface Session extends Presence {
  readonly incarnation: number
  readonly heardAtMs: number
}

export class Sessions {
  readonly #clock: Clock
  readonly #settings: MasterSettings
  readonly #startedAtMs: number
  readonly #registered = new Map<number, RegisteredServer>()
  readonly #sessions = new Map<number, Session>()
  #hasMajority = false
  #preferred: number | null = null
  #turn = 0

  constructor(clock: Clock, settings: MasterSettings, known: readonly RegisteredServer[]) {
    this.#clock = clock
    this.#settings = settings
    this.#startedAtMs = clock.monotonicMs()
    for (const server of known) this.#registered.set(server.id, server)
  }

  /** Begins a session, or ends the one of an earlier incarnation. */
  begin(server: RegisteredServer, presence: Presence): void {
    this.#registered.set(server.id, server)
    this.#spreadLevel(server)
    this.#hear(server.id, server.incarnation, presence)
    this.#hasMajority = isMajority(this.#places(this.#sessions), this.#places(this.#registered))
  }

  /** As the store does: the program at an address counts for every disk that was there. */
  #spreadLevel({ internalAddress, featureLevel }: RegisteredServer): void {
    for (const [id, server] of this.#registered) {
      if (server.internalAddress === internalAddress) this.#registered.set(id, { ...server, featureLevel })
    }
  }

  /** Whether every server of the cluster has registered with this start of the master. */
  get hasEveryone(): boolean {
    return this.#places(this.#sessions) === this.#places(this.#registered)
  }

  withDisk(diskUid: string): RegisteredServer | undefined {
    return [...this.#registered.values()].find((server) => server.diskUid === diskUid)
  }

  /** Takes a heartbeat; whether it is newer than all before. Throws UNKNOWN_SERVER, STALE_INCARNATION. */
  heartbeat(server: number, incarnation: number, presence: Presence): boolean {
    this.require(server, incarnation)
    if (!this.isNews(server, incarnation, presence.number)) return false
    this.#hear(server, incarnation, presence)
    return true
  }

  /** Whether nothing newer was heard from this incarnation: a call that comes late must not undo what a later one said. */
  isNews(server: number, incarnation: number, number: number): boolean {
    const session = this.#sessions.get(server)
    return session?.incarnation !== incarnation || session.number < number
  }

  /** Whether this was the last that was heard. */
  isLast(server: number, incarnation: number, number: number): boolean {
    const session = this.#sessions.get(server)
    return session?.incarnation === incarnation && session.number === number
  }

  /** Throws UNKNOWN_SERVER if the server must register (again), STALE_INCARNATION if a newer process took its place. */
  require(server: number, incarnation: number): void {
    const session = this.#sessions.get(server)
    if (session !== undefined && incarnation < session.incarnation) {
      throw new DfsError('STALE_INCARNATION', `server ${server} is in incarnation ${session.incarnation}`)
    }
    if (session?.incarnation !== incarnation) {
      throw new DfsError(
        'UNKNOWN_SERVER',
        `server ${server} has not registered with this start of the master`,
      )
    }
  }

  /** Every server that ever registered, by id. */
  view(): ServerInfo[] {
    return this.#ids().map((id) => this.#describe(id))
  }

  /** Ids of those that are dead. */
  dead(): number[] {
    return this.view()
      .filter(({ liveness }) => liveness === 'dead')
      .map(({ id }) => id)
  }

  /** All that is known of each, for whoever counts its copies. */
  seen(): SeenServer[] {
    const limits = roomLimits(this.#settings)
    return this.view().map((server) => ({
      ...server,
      isHeard: this.#sessions.has(server.id),
      // What open volumes may still take, they can take.
      isFull: this.#sessions.has(server.id) && !hasRoom({ ...server, promisedBytes: 0 }, limits),
    }))
  }

  /** Whether most of the registered servers have registered with this start of the master. */
  get hasMajority(): boolean {
    return this.#hasMajority
  }

  /** What each has said of its peers, if it has registered with this start of the master. */
  unreachableOf(server: number): readonly number[] {
    return this.#sessions.get(server)?.unreachable ?? []
  }

  /** Whether it has registered with this start of the master. */
  hasReported(server: number): boolean {
    return this.#sessions.has(server)
  }

  /** When this start of the master was; monotonic. */
  get startedAtMs(): number {
    return this.#startedAtMs
  }

  /** Ids of those that have reported in this start of the master and are not dead: what is said of their copies holds now. */
  there(): Set<number> {
    return new Set([...this.#sessions.keys()].filter((id) => this.#livenessOf(id) !== 'dead'))
  }

  /** The preferred coordinator as of now. */
  preferred(): number | null {
    this.#preferred = choosePreferred(this.#preferred, this.#coordinators())
    return this.#preferred
  }

  /** Coordinators that are alive, each in its turn. */
  nextCoordinator(): ServerInfo | null {
    const alive = aliveCoordinators(this.#coordinators())
    if (alive.length === 0) return null
    this.#turn = (this.#turn + 1) % alive.length
    return this.#describe(alive[this.#turn]!.server)
  }

  /** Servers that may be chosen for volumes. */
  candidates(loads: ReadonlyMap<number, ServerLoad>): Candidate[] {
    return this.#ids().flatMap((id) => {
      const session = this.#sessions.get(id)
      if (session === undefined) return []
      const { incarnation, freeBytes, isFull, unreachable, oldestDiskCallMs } = session
      const { liveness, zone } = this.#describe(id)
      const load = { freeBytes, isFull, ...(loads.get(id) ?? NO_LOAD), unreachable, oldestDiskCallMs }
      return [{ server: id, incarnation, liveness, zone, ...load }]
    })
  }

  /** What the server's program reads and understands, as it has said itself. */
  featureLevelOf(server: number): number {
    return this.#registered.get(server)?.featureLevel ?? FEATURE_LEVEL_UNSAID
  }

  /**
   * Whether this start of the master may remove anything: most servers have registered with it, and by all of them, or by
   * their time for it, it would have become known for one on a restored backup (R6).
   */
  get mayRemove(): boolean {
    const ageMs = this.#clock.monotonicMs() - this.#startedAtMs
    return this.#hasMajority && (this.hasEveryone || ageMs >= this.#settings.liveness.deadAfterMs)
  }

  /** Puts alive servers first and dead ones last; the order given breaks ties. */
  byLiveness(servers: readonly number[]): number[] {
    const ranks = { alive: 0, suspect: 1, dead: 2 }
    const rank = (id: number): number => ranks[this.#livenessOf(id)]
    return servers.toSorted((a, b) => rank(a) - rank(b))
  }

  #ids(): number[] {
    return [...this.#registered.keys()].toSorted((a, b) => a - b)
  }

  #hear(server: number, incarnation: number, presence: Presence): void {
    const { freeBytes, totalBytes, isFull, unreachable, oldestDiskCallMs, number } = presence
    const { damagedRanges, repairedRecords } = presence
    this.#sessions.set(server, {
      incarnation,
      heardAtMs: this.#clock.monotonicMs(),
      number,
      freeBytes,
      totalBytes,
      isFull,
      unreachable,
      oldestDiskCallMs,
      damagedRanges,
      repairedRecords,
    })
  }

  #livenessOf(server: number): Liveness {
    return livenessOf(this.#hearing(server), this.#settings.liveness)
  }

  #hearing(server: number): Hearing {
    return {
      heardAtMs: this.#sessions.get(server)?.heardAtMs ?? null,
      startedAtMs: this.#startedAtMs,
      nowMs: this.#clock.monotonicMs(),
      hasMajority: this.#hasMajority,
    }
  }

  /** Counts addresses: a disk that was replaced leaves an entry for good, and the server in its place has its address. */
  #places(servers: ReadonlyMap<number, unknown>): number {
    return new Set([...servers.keys()].map((id) => this.#registered.get(id)!.internalAddress)).size
  }

  #coordinators(): Coordinator[] {
    const alive = this.view().filter(({ liveness }) => liveness === 'alive')
    return alive.map(({ id, liveness, isFull }) => {
      const unreachable = this.#sessions.get(id)?.unreachable ?? []
      const reached = alive.filter((peer) => peer.id !== id && !unreachable.includes(peer.id)).length
      const canReach = reached + 1 >= this.#settings.cluster.minReplicas
      return { server: id, liveness, canWrite: canReach && !isFull }
    })
  }

  #describe(id: number): ServerInfo {
    const server = this.#registered.get(id)!
    const session = this.#sessions.get(id)
    const hearing = this.#hearing(id)
    return {
      id,
      name: server.name,
      liveness: livenessOf(hearing, this.#settings.liveness),
      incarnation: server.incarnation,
      internalAddress: server.internalAddress,
      publicPort: server.publicPort,
      advertisedUrl: server.advertisedUrl,
      zone: server.zone,
      freeBytes: session?.freeBytes ?? 0,
      totalBytes: session?.totalBytes ?? 0,
      isFull: session?.isFull ?? false,
      silentForMs: Math.floor(silenceMs(hearing)),
      damagedRanges: session?.damagedRanges ?? 0,
      repairedRecords: session?.repairedRecords ?? 0,
      featureLevel: server.featureLevel,
    }
  }
}
