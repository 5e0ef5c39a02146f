/** The chunk servers that ever registered. They are few: all are held in memory, written through. */
import { type DatabaseSync } from 'node:sqlite'
import { DfsError } from '@dfs/protocol'
import { type Placement, type Registration, type ServerRecord } from '../store.ts'
import { Insert, listed } from './insert.ts'
import { Query } from './query.ts'

interface ServerRow {
  readonly id: number
  readonly disk_uid: string
  readonly name: string
  readonly incarnation: number
  readonly internal_address: string
  readonly public_port: number
  readonly advertised_url: string | null
  readonly zone: string
  readonly feature_level: number
}

const KNOWN = [
  'id',
  'disk_uid',
  'name',
  'incarnation',
  'internal_address',
  'public_port',
  'advertised_url',
  'zone',
  'feature_level',
] as const satisfies (keyof ServerRow)[]
const COLUMNS = [...KNOWN, 'registered_ms'] as const

export class Servers {
  readonly #byId = new Map<number, ServerRecord>()
  /** Those that a new history of the metadata began without, until they are back. */
  readonly #givenUp: Set<number>
  readonly #put: Insert<typeof COLUMNS>
  readonly #takeIn: Query
  readonly #putLevel: Query

  constructor(database: DatabaseSync) {
    const known = new Query<ServerRow>(database, `SELECT ${listed(KNOWN)} FROM servers ORDER BY id`)
    for (const row of known.all()) this.#byId.set(row.id, recordOf(row))
    const givenUp = new Query<{ server: number }>(database, 'SELECT server FROM given_up_servers').all()
    this.#givenUp = new Set(givenUp.map(({ server }) => server))
    this.#takeIn = new Query(database, 'DELETE FROM given_up_servers WHERE server = ?')
    this.#put = new Insert(database, 'INSERT OR REPLACE INTO servers', COLUMNS)
    this.#putLevel = new Query(database, 'UPDATE servers SET feature_level = ? WHERE internal_address = ?')
  }

  all(): ServerRecord[] {
    return [...this.#byId.values()].toSorted((a, b) => a.id - b.id)
  }

  get(id: number): ServerRecord | undefined {
    return this.#byId.get(id)
  }

  withDisk(diskUid: string): ServerRecord | undefined {
    return [...this.#byId.values()].find((server) => server.diskUid === diskUid)
  }

  put(id: number, registration: Registration, nowWallMs: number): void {
    const { reports: _reports, ...rest } = registration
    const server: ServerRecord = { id, ...rest }
    this.#byId.set(id, server)
    this.#put.run({ ...rowOf(server), registered_ms: nowWallMs })
    this.#spreadLevel(server)
  }

  /** What every program reads that runs with the disk of a server. */
  get featureLevel(): number {
    return Math.min(...[...this.#byId.values()].map(({ featureLevel }) => featureLevel))
  }

  /** A disk that was replaced leaves a record for good. Its program is the one that has its address now: that one counts for it. */
  #spreadLevel({ internalAddress, featureLevel }: ServerRecord): void {
    for (const [id, server] of this.#byId) {
      if (server.internalAddress === internalAddress) this.#byId.set(id, { ...server, featureLevel })
    }
    this.#putLevel.run(featureLevel, internalAddress)
  }

  /** Whether the server had been given up, which it is no longer from now on. */
  takeIn(id: number): boolean {
    if (!this.#givenUp.delete(id)) return false
    this.#takeIn.run(id)
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

const rowOf = (server: ServerRecord): ServerRow => ({
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

const recordOf = (row: ServerRow): ServerRecord => ({
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
