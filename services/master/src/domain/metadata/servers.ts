/** The chunk servers that ever registered. They are few: all are held in memory, written through. */
import { DfsError } from '@dfs/protocol'
import { type Placement, type Registration, type RegisteredServer } from '../../metadata/cluster-store.ts'
import { type ServerRow, type ServerRows } from './cluster-rows.ts'
import { nameOf, SERVER_MODE } from './codes.ts'

/** As its row says. */
type Known = Omit<RegisteredServer, 'isGivenUp'>

export class Servers {
  readonly #rows: ServerRows
  readonly #byId = new Map<number, Known>()
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
    const servers = [...this.#byId.values()].toSorted((a, b) => a.id - b.id)
    return servers.map((server) => ({ ...server, isGivenUp: this.isGivenUp(server.id) }))
  }

  get(id: number): Known | undefined {
    return this.#byId.get(id)
  }

  withDisk(diskUid: string): Known | undefined {
    return [...this.#byId.values()].find((server) => server.diskUid === diskUid)
  }

  put(id: number, registration: Registration, nowWallMs: number): void {
    const server: Known = { id, ...registration, mode: this.#byId.get(id)?.mode ?? 'active' }
    this.#byId.set(id, server)
    const reportedIn = this.#reportedIn.get(id) ?? 0
    this.#rows.put({ ...rowOf(server), reported_incarnation: reportedIn, registered_ms: nowWallMs })
    this.#spreadLevel(server)
  }

  /** What every program reads that runs with the disk of a server; 0 if there is none. */
  get featureLevel(): number {
    const levels = [...this.#byId.values()].flatMap(({ mode, featureLevel }) => {
      return mode === 'removed' ? [] : [featureLevel]
    })
    return levels.length === 0 ? 0 : Math.min(...levels)
  }

  /** It is gone for good. */
  setRemoved(id: number): void {
    this.#byId.set(id, { ...this.#byId.get(id)!, mode: 'removed' })
    this.#rows.setMode(id, SERVER_MODE.removed)
  }

  isRemoved(id: number): boolean {
    return this.#byId.get(id)?.mode === 'removed'
  }

  /** Ids of those that are gone for good. */
  get removed(): number[] {
    return [...this.#byId.keys()].filter((id) => this.isRemoved(id))
  }

  /** Nothing names it, and nothing will: its id is not used again. */
  forget(id: number): void {
    this.#byId.delete(id)
    this.#reportedIn.delete(id)
    this.#givenUp.delete(id)
    this.#rows.remove(id)
  }

  /** A disk that was replaced leaves a row for good. Its program is the one that has its address now: that one counts for it. */
  #spreadLevel({ internalAddress, featureLevel }: Registration): void {
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

  /** Not one that is gone for good: what it did is over. */
  isCurrent({ server, incarnation }: Placement): boolean {
    const known = this.#byId.get(server)
    return known?.incarnation === incarnation && known.mode !== 'removed'
  }

  /** Throws UNKNOWN_SERVER, SERVER_REMOVED or STALE_INCARNATION unless the server is registered in just this incarnation. */
  requireCurrent({ server, incarnation }: Placement): void {
    const known = this.#byId.get(server)
    if (known === undefined) throw new DfsError('UNKNOWN_SERVER', `server ${server} never registered`)
    if (known.mode === 'removed') throw new DfsError('SERVER_REMOVED', whyRemoved(known))
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

/** To whoever says that it is this server. */
export const whyRemoved = ({ name, id }: Pick<RegisteredServer, 'name' | 'id'>): string =>
  `${name} (id ${id}) was removed from this cluster as gone for good`

const rowOf = (server: Known): Omit<ServerRow, 'reported_incarnation'> => ({
  id: server.id,
  disk_uid: server.diskUid,
  name: server.name,
  incarnation: server.incarnation,
  internal_address: server.internalAddress,
  public_port: server.publicPort,
  advertised_url: server.advertisedUrl,
  zone: server.zone,
  feature_level: server.featureLevel,
  mode: SERVER_MODE[server.mode],
})

const serverOf = (row: ServerRow): Known => ({
  id: row.id,
  diskUid: row.disk_uid,
  name: row.name,
  incarnation: row.incarnation,
  internalAddress: row.internal_address,
  publicPort: row.public_port,
  advertisedUrl: row.advertised_url,
  zone: row.zone,
  featureLevel: row.feature_level,
  mode: nameOf(SERVER_MODE, row.mode),
})
