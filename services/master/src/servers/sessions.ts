/** What follows from the roll of chunk servers: how each stands, who is asked, and where volumes may go. */
import { type Clock } from '@dfs/core'
import { FEATURE_LEVEL_UNSAID, type ServerInfo } from '@dfs/protocol'
import { silenceMs } from '../domain/liveness.ts'
import { type Candidate, hasRoom } from '../domain/placement.ts'
import { aliveCoordinators, choosePreferred, type Coordinator } from '../domain/preferred.ts'
import { type RegisteredServer, type ServerLoad } from '../metadata/cluster-store.ts'
import { type SeenServer } from '../metadata/copy-store.ts'
import { type MasterSettings, roomLimits } from '../settings.ts'
import { Roll } from './roll.ts'

const NO_LOAD: ServerLoad = Object.freeze({ openVolumes: 0, promisedBytes: 0 })

export class Sessions extends Roll {
  readonly #settings: MasterSettings
  #preferred: number | null = null
  #turn = 0

  constructor(clock: Clock, settings: MasterSettings, known: readonly RegisteredServer[]) {
    super(clock, settings.liveness, known)
    this.#settings = settings
  }

  /** Every server that ever registered, by id. */
  view(): ServerInfo[] {
    return this.servers.map((server) => this.#describe(server))
  }

  /** Ids of those that are dead. */
  dead(): number[] {
    return this.servers.map(({ id }) => id).filter((id) => this.livenessOf(id) === 'dead')
  }

  /** All that is known of each, for whoever counts its copies. */
  seen(): SeenServer[] {
    const limits = roomLimits(this.#settings)
    return this.view().map((server) => ({
      ...server,
      isHeard: this.sessions.has(server.id),
      isSharing: this.isSharing(server.id),
      cloneAddress: this.cloneOf(server.id),
      isRemoved: server.mode === 'removed',
      // What open volumes may still take, they can take.
      isFull: this.sessions.has(server.id) && !hasRoom({ ...server, promisedBytes: 0 }, limits),
    }))
  }

  /** What each has said of its peers, if it has registered with this start of the master. */
  unreachableOf(server: number): readonly number[] {
    return this.sessions.get(server)?.unreachable ?? []
  }

  /** Ids of those that have reported in this start of the master and are not dead: what is said of their copies holds now. */
  there(): Set<number> {
    return new Set([...this.sessions.keys()].filter((id) => this.isThere(id)))
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
    return this.#describe(this.get(alive[this.#turn]!.server)!)
  }

  /** Servers that may be chosen for volumes. */
  candidates(loads: ReadonlyMap<number, ServerLoad>): Candidate[] {
    return this.servers.flatMap(({ id, zone }) => {
      const session = this.sessions.get(id)
      if (session === undefined) return []
      const { incarnation, freeBytes, isFull, unreachable, oldestDiskCallMs } = session
      const liveness = this.livenessOf(id)
      const load = { freeBytes, isFull, ...(loads.get(id) ?? NO_LOAD), unreachable, oldestDiskCallMs }
      return [{ server: id, incarnation, liveness, zone, ...load }]
    })
  }

  /** What the server's program reads and understands, as it has said itself. */
  featureLevelOf(server: number): number {
    return this.get(server)?.featureLevel ?? FEATURE_LEVEL_UNSAID
  }

  /** Puts alive servers first and dead ones last; the order given breaks ties. */
  byLiveness(servers: readonly number[]): number[] {
    const ranks = { alive: 0, suspect: 1, dead: 2 }
    const rank = (id: number): number => ranks[this.livenessOf(id)]
    return servers.toSorted((a, b) => rank(a) - rank(b))
  }

  #coordinators(): Coordinator[] {
    const alive = this.view().filter(({ liveness }) => liveness === 'alive')
    return alive.map(({ id, liveness, isFull }) => {
      const unreachable = this.sessions.get(id)?.unreachable ?? []
      const reached = alive.filter((peer) => peer.id !== id && !unreachable.includes(peer.id)).length
      const canReach = reached + 1 >= this.#settings.cluster.minReplicas
      return { server: id, liveness, canWrite: canReach && !isFull }
    })
  }

  #describe(server: RegisteredServer): ServerInfo {
    const { id } = server
    const session = this.sessions.get(id)
    return {
      id,
      name: server.name,
      liveness: this.livenessOf(id),
      incarnation: server.incarnation,
      internalAddress: server.internalAddress,
      publicPort: server.publicPort,
      advertisedUrl: server.advertisedUrl,
      zone: server.zone,
      freeBytes: session?.freeBytes ?? 0,
      totalBytes: session?.totalBytes ?? 0,
      isFull: session?.isFull ?? false,
      silentForMs: Math.floor(silenceMs(this.hearing(id))),
      damagedRanges: session?.damagedRanges ?? 0,
      repairedRecords: session?.repairedRecords ?? 0,
      featureLevel: server.featureLevel,
      mode: server.mode,
    }
  }
}
