/** The cluster as the master last described it: which servers there are, and where. */
import { type Avoidance, avoidLonger, type Clock, isAvoided } from '@dfs/core'
import {
  type ClusterSettings,
  DfsError,
  FEATURE_LEVEL,
  FEATURE_LEVEL_UNSAID,
  FEATURES,
  type PublicAddress,
  type ServerInfo,
} from '@dfs/protocol'

const UNREACHABLE = { firstMs: 1000, msMax: 30_000 }

/** Where clients reach a node, and where the other nodes do. */
export type NodeAddresses = PublicAddress & { readonly internalAddress: string }

interface Trouble {
  readonly incarnation: number
  readonly avoidance: Avoidance
}

export class ServerDirectory {
  readonly #clock: Clock
  readonly #troubles = new Map<number, Trouble>()
  #servers = new Map<number, ServerInfo>()
  #settings: ClusterSettings | null = null
  #master: NodeAddresses | null = null
  #featureLevel = FEATURE_LEVEL_UNSAID

  constructor(clock: Clock) {
    this.#clock = clock
  }

  update(servers: readonly ServerInfo[]): void {
    this.#servers = new Map(servers.map((server) => [server.id, server]))
  }

  configure(settings: ClusterSettings, master: NodeAddresses): void {
    this.#settings = settings
    this.#master = master
  }

  /** The level that every registered server reads, as the master says; it never falls. */
  noteFeatureLevel(level: number): void {
    this.#featureLevel = Math.max(this.#featureLevel, Math.min(level, FEATURE_LEVEL))
  }

  /** Whether every server reads what belongs to this feature, so that it may be written. */
  allows(feature: keyof typeof FEATURES): boolean {
    return this.#featureLevel >= FEATURES[feature]
  }

  /** Addresses of all nodes known, the master first. */
  get nodeAddresses(): NodeAddresses[] {
    return this.#master === null ? this.servers : [this.#master, ...this.servers]
  }

  /** Null before the first registration. */
  get master(): NodeAddresses | null {
    return this.#master
  }

  get servers(): ServerInfo[] {
    return [...this.#servers.values()]
  }

  get settings(): ClusterSettings {
    if (this.#settings === null) throw new DfsError('UNAVAILABLE', 'this server is not registered yet')
    return this.#settings
  }

  get(server: number): ServerInfo | undefined {
    return this.#servers.get(server)
  }

  /** For people. */
  nameOf(server: number): string {
    return this.#servers.get(server)?.name ?? `server ${server}`
  }

  /** Whether the master has given it up, for want of any sign of life. */
  isDead(server: number): boolean {
    return this.#servers.get(server)?.liveness === 'dead'
  }

  /** Whether a server that was made later has its address: it runs on another disk now. */
  isReplaced(server: number): boolean {
    const address = this.#servers.get(server)?.internalAddress
    return this.servers.some((other) => other.id > server && other.internalAddress === address)
  }

  /** `host:port` for calls between nodes. UNKNOWN_SERVER if the master never named it. */
  addressOf(server: number): string {
    const info = this.#servers.get(server)
    if (info === undefined) throw new DfsError('UNKNOWN_SERVER', `server ${server} is not known here`)
    return info.internalAddress
  }

  /** A call to it failed: it is avoided for a while, twice as long each time in a row. */
  noteFailure(server: number): void {
    const incarnation = this.#servers.get(server)?.incarnation ?? 0
    const last = this.#troubles.get(server)
    const before = last?.incarnation === incarnation ? last.avoidance : undefined
    const avoidance = avoidLonger(before, UNREACHABLE, this.#clock.monotonicMs())
    this.#troubles.set(server, { incarnation, avoidance })
  }

  noteSuccess(server: number): void {
    this.#troubles.delete(server)
  }

  /** Servers, this one included, that a new volume could have copies on. */
  usableCount(): number {
    const avoided = this.unreachable()
    return this.servers.filter(
      ({ id, liveness, isFull }) => liveness === 'alive' && !isFull && !avoided.includes(id),
    ).length
  }

  /** Servers to avoid now. A restarted server is given a new chance at once. */
  unreachable(): number[] {
    const nowMs = this.#clock.monotonicMs()
    return [...this.#troubles]
      .filter(
        ([id, { avoidance, incarnation }]) =>
          isAvoided(avoidance, nowMs) && incarnation === this.#servers.get(id)?.incarnation,
      )
      .map(([id]) => id)
  }
}
