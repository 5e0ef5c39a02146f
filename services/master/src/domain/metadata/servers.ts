/** The chunk servers that ever registered. They are few: all are held in memory, written through. */
import { DfsError } from '@dfs/protocol'
import { type Placement, type Registration, type RegisteredServer } from '../../metadata/cluster-store.ts'
import { type ServerRow, type ServerRows } from './cluster-rows.ts'

export class Servers {
  readonly #rows: ServerRows
  readonly #byId = new Map<number, RegisteredServer>()
  /** Those that a new history of the metadata began without, until they are back. */
  readonly #givenUp: Set<number>
  /** For each, the incarnation that has last said of all its copies what it has. */
  readonly #reportedIn = new Map<number, number>()

  constructor(rows: ServerRows) {
    this.#rows = rows
    for (const row of rows.load()) {
      this.#byId.set(row.id, serverOf(row))
      this.#reportedIn.set(row.id, row.reported_incarnation)
    }
    this.#givenUp = new Set(rows.loadGivenUp())
  }

  all(): RegisteredServer[] {
    return [...this.#byId.values()].toSorted((a, b) => a.id - b.id)
  }

  get(id: number): RegisteredServer | undefined {
    return this.#byId.get(id)
  }

  withDisk(diskUid: string): RegisteredServer | undefined {
    return [...this.#byId.values()].find((server) => server.diskUid === diskUid)
  }

  put(id: number, registration: Registration, nowWallMs: number): void {
    const server: RegisteredServer = { id, ...registration }
    this.#byId.set(id, server)
    const reportedIn = this.#reportedIn.get(id) ?? 0
    this.#rows.put({ ...rowOf(server), reported_incarnation: reportedIn, registered_ms: nowWallMs })
    this.#spreadLevel(server)
  }

  /** What every program reads that runs with the disk of a server. */
  get featureLevel(): number {
    return Math.min(...[...this.#byId.values()].map(({ featureLevel }) => featureLevel))
  }

  /** A disk that was replaced leaves a row for good. Its program is the one that has its address now: that one counts for it. */
  #spreadLevel({ internalAddress, featureLevel }: RegisteredServer): void {
    for (const [id, server] of this.#byId) {
      if (server.internalAddress === internalAddress) this.#byId.set(id, { ...server, featureLevel })
    }
    this.#rows.setFeatureLevel(internalAddress, featureLevel)
  }

  /** Servers whose incarnation has not said of all its copies what it has. */
  unheard(): number[] {
    return [...this.#byId.keys()].filter((id) => !this.hasReported(id))
  }

  hasReported(id: number): boolean {
    return this.#reportedIn.get(id) === this.#byId.get(id)?.incarnation
  }

  /** Whether a new history of the metadata has begun without it: what it has verified since is of the old one. */
  isGivenUp(id: number): boolean {
    return this.#givenUp.has(id)
  }

  /** It has said of all its copies what it has, and is given up no longer; whether that is news. */
  noteReported({ server, incarnation }: Placement): boolean {
    const isNews = !this.hasReported(server)
    if (isNews) {
      this.#reportedIn.set(server, incarnation)
      this.#rows.setReportedIncarnation(server, incarnation)
    }
    if (!this.#givenUp.delete(server)) return isNews
    this.#rows.removeGivenUp(server)
    return true
  }

  isCurrent(placement: Placement): boolean {
    return this.#byId.get(placement.server)?.incarnation === placement.incarnation
  }

  /** Throws UNKNOWN_SERVER or STALE_INCARNATION unless the server is registered in just this incarnation. */
  requireCurrent({ server, incarnation }: Placement): void {
    const known = this.#byId.get(server)
    if (known === undefined) throw new DfsError('UNKNOWN_SERVER', `server ${server} never registered`)
    if (known.incarnation !== incarnation) {
      throw new DfsError(
        'STALE_INCARNATION',
        `server ${server} is in incarnation ${known.incarnation}, not ${incarnation}`,
      )
    }
  }

  zoneOf(id: number): string {
    return this.#byId.get(id)?.zone ?? ''
  }
}

const rowOf = (server: RegisteredServer): Omit<ServerRow, 'reported_incarnation'> => ({
  id: server.id,
  disk_uid: server.diskUid,
  name: server.name,
  incarnation: server.incarnation,
  internal_address: server.internalAddress,
  public_port: server.publicPort,
  advertised_url: server.advertisedUrl,
  zone: server.zone,
  feature_level: server.featureLevel,
})

const serverOf = (row: ServerRow): RegisteredServer => ({
  id: row.id,
  diskUid: row.disk_uid,
  name: row.name,
  incarnation: row.incarnation,
  internalAddress: row.internal_address,
  publicPort: row.public_port,
  advertisedUrl: row.advertised_url,
  zone: row.zone,
  featureLevel: row.feature_level,
})
