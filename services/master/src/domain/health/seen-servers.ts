/** The registered servers as this start of the master sees them at one moment. */
import { type SeenServer } from '../../metadata/copy-store.ts'
import { type Placement } from '../../metadata/cluster-store.ts'
import { type KnownServers } from '../copies/good-copies.ts'

export class SeenServers implements KnownServers {
  readonly all: readonly SeenServer[]
  readonly #byId: ReadonlyMap<number, SeenServer>

  constructor(servers: readonly SeenServer[]) {
    this.all = servers
    this.#byId = new Map(servers.map((server) => [server.id, server]))
  }

  get(id: number): SeenServer | undefined {
    return this.#byId.get(id)
  }

  nameOf(id: number): string {
    return this.get(id)?.name ?? `server ${id}`
  }

  zoneOf(id: number): string {
    return this.get(id)?.zone ?? ''
  }

  isCurrent({ server, incarnation }: Placement): boolean {
    return this.get(server)?.incarnation === incarnation
  }

  /** Whether it was named as gone for good. */
  isRemoved(id: number): boolean {
    return this.get(id)?.isRemoved ?? false
  }

  isThere(id: number): boolean {
    const server = this.get(id)
    return server !== undefined && server.isHeard && server.liveness !== 'dead'
  }

  /** Whether it may still report what it has. */
  isAwaited(id: number): boolean {
    const server = this.get(id)
    return server !== undefined && !server.isHeard && server.liveness !== 'dead'
  }

  /** Whether every copy was heard of, or is known to be out of reach: sums are exact then. */
  get areComplete(): boolean {
    return this.all.every(({ id }) => !this.isAwaited(id))
  }

  /**
   * Whether another disk is in the place of this one. A disk that was replaced leaves its record for good; that what was on it is
   * missing is told by the counts. Of disks that are all gone the one that was heard last is in its place.
   */
  isReplaced(server: SeenServer): boolean {
    if (this.isThere(server.id)) return false
    const others = this.all.filter(({ id, internalAddress, isRemoved }) => {
      return id !== server.id && internalAddress === server.internalAddress && !isRemoved
    })
    return others.some((other) => this.isThere(other.id) || wasHeardAfter(other, server))
  }

  /** Those that are expected to be there, one in each place. */
  get expected(): readonly SeenServer[] {
    return this.all.filter((server) => !server.isRemoved && !this.isReplaced(server))
  }
}

const wasHeardAfter = (one: SeenServer, other: SeenServer): boolean =>
  one.silentForMs === other.silentForMs ? one.id > other.id : one.silentForMs < other.silentForMs
