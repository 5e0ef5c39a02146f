/** The rows of chunk servers, and of what each of them was answered last. */
import { type DatabaseSync } from 'node:sqlite'
import {
  type ResultsRow,
  type SenderRow,
  type SenderRows,
  type ServerRow,
  type ServerRows,
} from '../../../domain/metadata/cluster-rows.ts'
import { Insert, listed } from '../insert.ts'
import { Query } from '../query.ts'

const SERVER = [
  'id',
  'disk_uid',
  'name',
  'incarnation',
  'internal_address',
  'public_port',
  'advertised_url',
  'zone',
  'feature_level',
  'reported_incarnation',
  'mode',
] as const satisfies (keyof ServerRow)[]
const REGISTERED = [...SERVER, 'registered_ms'] as const
const SENDER = ['server', 'incarnation', 'watermark'] as const satisfies (keyof SenderRow)[]
const RESULTS = ['server', 'sequence', 'incarnation', 'encoded'] as const satisfies (keyof ResultsRow)[]

export class SqliteServers implements ServerRows {
  readonly #all: Query<ServerRow>
  readonly #put: Insert<typeof REGISTERED>
  readonly #setReported: Query
  readonly #setMode: Query
  readonly #setLevel: Query
  readonly #remove: Query
  readonly #givenUp: Query<{ server: number }>
  readonly #removeGivenUp: Query

  constructor(database: DatabaseSync) {
    this.#all = new Query(database, `SELECT ${listed(SERVER)} FROM servers ORDER BY id`)
    this.#put = new Insert(database, 'INSERT OR REPLACE INTO servers', REGISTERED)
    this.#setReported = new Query(database, 'UPDATE servers SET reported_incarnation = ? WHERE id = ?')
    this.#setMode = new Query(database, 'UPDATE servers SET mode = ? WHERE id = ?')
    this.#remove = new Query(database, 'DELETE FROM servers WHERE id = ?')
    this.#setLevel = new Query(database, 'UPDATE servers SET feature_level = ? WHERE internal_address = ?')
    this.#givenUp = new Query(database, 'SELECT server FROM given_up_servers')
    this.#removeGivenUp = new Query(database, 'DELETE FROM given_up_servers WHERE server = ?')
  }

  load(): ServerRow[] {
    return this.#all.all()
  }

  put(row: ServerRow & { readonly registered_ms: number }): void {
    this.#put.run(row)
  }

  setReportedIncarnation(id: number, incarnation: number): void {
    this.#setReported.run(incarnation, id)
  }

  setMode(id: number, mode: number): void {
    this.#setMode.run(mode, id)
  }

  remove(id: number): void {
    this.#removeGivenUp.run(id)
    this.#remove.run(id)
  }

  setFeatureLevel(internalAddress: string, featureLevel: number): void {
    this.#setLevel.run(featureLevel, internalAddress)
  }

  loadGivenUp(): number[] {
    return this.#givenUp.all().map(({ server }) => server)
  }

  removeGivenUp(server: number): void {
    this.#removeGivenUp.run(server)
  }
}

export class SqliteSenders implements SenderRows {
  readonly #queries: ReturnType<typeof prepareSenders>

  constructor(database: DatabaseSync) {
    this.#queries = prepareSenders(database)
  }

  load(): SenderRow[] {
    return this.#queries.senders.all()
  }

  loadResults(): ResultsRow[] {
    return this.#queries.results.all()
  }

  put(row: SenderRow): void {
    this.#queries.put.run(row)
  }

  putResults(row: ResultsRow): void {
    this.#queries.putResults.run(row)
  }

  removeResults(server: number, sequenceMax: number): void {
    this.#queries.removeUpTo.run(server, sequenceMax)
  }

  removeBefore(server: number, incarnation: number): void {
    this.#queries.removeResultsBefore.run(server, incarnation)
    this.#queries.removeBefore.run(server, incarnation)
  }
}

const prepareSenders = (database: DatabaseSync) => ({
  senders: new Query<SenderRow>(database, `SELECT ${listed(SENDER)} FROM senders ORDER BY server`),
  results: new Query<ResultsRow>(
    database,
    `SELECT ${listed(RESULTS)} FROM results ORDER BY server, sequence`,
  ),
  put: new Insert(database, 'INSERT OR REPLACE INTO senders', SENDER),
  putResults: new Insert(database, 'INSERT INTO results', RESULTS),
  removeUpTo: new Query(database, 'DELETE FROM results WHERE server = ? AND sequence <= ?'),
  removeResultsBefore: new Query(database, 'DELETE FROM results WHERE server = ? AND incarnation < ?'),
  removeBefore: new Query(database, 'DELETE FROM senders WHERE server = ? AND incarnation < ?'),
})
