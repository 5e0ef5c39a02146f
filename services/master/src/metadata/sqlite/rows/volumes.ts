/** The rows of volumes and their copies, and of what each primary was granted last. */
import { type DatabaseSync } from 'node:sqlite'
import { REPLICA, VOLUME_STATE } from '../../../domain/metadata/codes.ts'
import {
  type AwaitingSealRow,
  type GrantRow,
  type GrantRows,
  type ReplicaRow,
  type VolumeRow,
  type VolumeRows,
} from '../../../domain/metadata/cluster-rows.ts'
import { Insert, listed } from '../insert.ts'
import { Query } from '../query.ts'

const VOLUME = [
  'id',
  'kind',
  'state',
  'primary_server',
  'primary_incarnation',
  'committed_end',
  'sealed_length',
  'salt',
] as const satisfies (keyof VolumeRow)[]
const REPLICA_COLUMNS = [
  'id',
  'volume',
  'server',
  'incarnation',
  'state',
  'verified_to',
  'seal_reported',
] as const satisfies (keyof ReplicaRow)[]
const GRANT = ['server', 'kind', 'incarnation', 'number', 'volumes'] as const satisfies (keyof GrantRow)[]

export class SqliteVolumes implements VolumeRows {
  readonly #queries: ReturnType<typeof prepare>

  constructor(database: DatabaseSync) {
    this.#queries = prepare(database)
  }

  loadOpen(): VolumeRow[] {
    return this.#queries.open.all()
  }

  loadSealedCount(): number {
    return this.#queries.countSealed.first()!.count
  }

  find(id: number): VolumeRow | undefined {
    return this.#queries.find.first(id)
  }

  replicasOf(volume: number): ReplicaRow[] {
    return this.#queries.replicasOf.all(volume)
  }

  insert(row: VolumeRow & { readonly created_ms: number }): void {
    this.#queries.insert.run(row)
  }

  insertReplica(row: ReplicaRow): void {
    this.#queries.insertReplica.run(row)
  }

  setCommittedEnd(id: number, committedEnd: number): void {
    this.#queries.raise.run(committedEnd, id)
  }

  seal({ id, state, committed_end, sealed_length }: VolumeRow, sealedMs: number, reason: string): void {
    this.#queries.seal.run(state, committed_end, sealed_length, sealedMs, reason, id)
  }

  updateReplica({ id, state, verified_to, seal_reported }: ReplicaRow): void {
    this.#queries.updateReplica.run(state, verified_to, seal_reported, id)
  }

  withCopyOn(server: number): number[] {
    return this.#queries.withCopyOn.all(server).map(({ volume }) => volume)
  }

  awaitingSealOn(server: number, countMax: number): AwaitingSealRow[] {
    return this.#queries.awaitingSealOn.all(server, countMax)
  }
}

const prepare = (database: DatabaseSync) => ({
  open: new Query<VolumeRow>(
    database,
    `SELECT ${listed(VOLUME)} FROM volumes WHERE state = ${VOLUME_STATE.open} ORDER BY id`,
  ),
  find: new Query<VolumeRow>(database, `SELECT ${listed(VOLUME)} FROM volumes WHERE id = ?`),
  countSealed: new Query<{ count: number }>(
    database,
    `SELECT (SELECT count(*) FROM volumes) -
       (SELECT count(*) FROM volumes WHERE state = ${VOLUME_STATE.open}) AS count`,
  ),
  replicasOf: new Query<ReplicaRow>(
    database,
    `SELECT ${listed(REPLICA_COLUMNS)} FROM replicas WHERE volume = ? ORDER BY id`,
  ),
  insert: new Insert(database, 'INSERT INTO volumes', [...VOLUME, 'created_ms'] as const),
  insertReplica: new Insert(database, 'INSERT INTO replicas', REPLICA_COLUMNS),
  raise: new Query(database, 'UPDATE volumes SET committed_end = ? WHERE id = ?'),
  seal: new Query(
    database,
    `UPDATE volumes SET state = ?, committed_end = ?, sealed_length = ?, sealed_ms = ?, seal_reason = ?
     WHERE id = ?`,
  ),
  updateReplica: new Query(
    database,
    'UPDATE replicas SET state = ?, verified_to = ?, seal_reported = ? WHERE id = ?',
  ),
  withCopyOn: new Query<{ volume: number }>(
    database,
    `SELECT volume FROM replicas
     WHERE server = ? AND state IN (${REPLICA.inSync}, ${REPLICA.unverified}) ORDER BY volume`,
  ),
  awaitingSealOn: new Query<AwaitingSealRow>(
    database,
    `SELECT r.volume, r.id AS replica, v.sealed_length AS length
     FROM replicas r JOIN volumes v ON v.id = r.volume
     WHERE r.server = ? AND r.state = ${REPLICA.unverified} AND r.seal_reported = 0 AND v.state = ${VOLUME_STATE.sealed}
     ORDER BY r.id LIMIT ? + 0`,
  ),
})

export class SqliteGrants implements GrantRows {
  readonly #all: Query<GrantRow>
  readonly #put: Insert<typeof GRANT>

  constructor(database: DatabaseSync) {
    this.#all = new Query(database, `SELECT ${listed(GRANT)} FROM grants`)
    this.#put = new Insert(database, 'INSERT OR REPLACE INTO grants', GRANT)
  }

  load(): GrantRow[] {
    return this.#all.all()
  }

  put(row: GrantRow): void {
    this.#put.run(row)
  }
}
