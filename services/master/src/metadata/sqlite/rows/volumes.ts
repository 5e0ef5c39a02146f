/** The rows of volumes and their copies, and of what each primary was granted last. */
import { type DatabaseSync } from 'node:sqlite'
import {
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
  'size_bytes',
  'live_bytes',
  'live_chunks',
  'live_files',
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

  load(): Iterable<VolumeRow> {
    return this.#queries.volumes.each()
  }

  loadReplicas(): Iterable<ReplicaRow> {
    return this.#queries.replicas.each()
  }

  loadWithDropped(): Iterable<number> {
    return this.#queries.withDropped.all().map(({ volume }) => volume)
  }

  insert(row: VolumeRow & { readonly created_ms: number }): void {
    this.#queries.insert.run(row)
  }

  insertReplica(row: ReplicaRow): void {
    this.#queries.insertReplica.run(row)
  }

  setCommittedEnd({ id, committed_end, live_bytes, live_chunks, live_files }: VolumeRow): void {
    this.#queries.raise.run(committed_end, live_bytes, live_chunks, live_files, id)
  }

  seal({ id, state, committed_end, sealed_length }: VolumeRow, sealedMs: number, reason: string): void {
    this.#queries.seal.run(state, committed_end, sealed_length, sealedMs, reason, id)
  }

  setDeleting({ id, state }: VolumeRow, clusterMs: number): void {
    this.#queries.setDeleting.run(state, clusterMs, id)
  }

  remove(id: number): void {
    this.#queries.remove.run(id)
    this.#queries.removeDropped.run(id)
  }

  updateReplica({ id, state, verified_to, seal_reported }: ReplicaRow): void {
    this.#queries.updateReplica.run(state, verified_to, seal_reported, id)
  }

  removeReplica(id: number): void {
    this.#queries.removeReplica.run(id)
  }

  wasDeleted(id: number): boolean {
    return this.#queries.wasDeleted.first(id) !== undefined
  }

  insertDeleted(id: number, clusterMs: number): void {
    this.#queries.insertDeleted.run(id, clusterMs)
  }

  wasDropped(volume: number, replica: number): boolean {
    return this.#queries.wasDropped.first(volume, replica) !== undefined
  }

  insertDropped(volume: number, replica: number): void {
    this.#queries.insertDropped.run(volume, replica)
  }
}

const prepare = (database: DatabaseSync) => ({
  volumes: new Query<VolumeRow>(database, `SELECT ${listed(VOLUME)} FROM volumes ORDER BY id`),
  replicas: new Query<ReplicaRow>(database, `SELECT ${listed(REPLICA_COLUMNS)} FROM replicas ORDER BY id`),
  insert: new Insert(database, 'INSERT INTO volumes', [...VOLUME, 'created_ms'] as const),
  insertReplica: new Insert(database, 'INSERT INTO replicas', REPLICA_COLUMNS),
  raise: new Query(
    database,
    'UPDATE volumes SET committed_end = ?, live_bytes = ?, live_chunks = ?, live_files = ? WHERE id = ?',
  ),
  seal: new Query(
    database,
    `UPDATE volumes SET state = ?, committed_end = ?, sealed_length = ?, sealed_ms = ?, seal_reason = ?
     WHERE id = ?`,
  ),
  setDeleting: new Query(database, 'UPDATE volumes SET state = ?, deleting_cluster_ms = ? WHERE id = ?'),
  remove: new Query(database, 'DELETE FROM volumes WHERE id = ?'),
  updateReplica: new Query(
    database,
    'UPDATE replicas SET state = ?, verified_to = ?, seal_reported = ? WHERE id = ?',
  ),
  removeReplica: new Query(database, 'DELETE FROM replicas WHERE id = ?'),
  wasDeleted: new Query<{ id: number }>(database, 'SELECT id FROM deleted_volumes WHERE id = ?'),
  insertDeleted: new Query(database, 'INSERT INTO deleted_volumes (id, at_cluster_ms) VALUES (?, ?)'),
  wasDropped: new Query<{ id: number }>(
    database,
    'SELECT id FROM dropped_replicas WHERE volume = ? AND id = ?',
  ),
  withDropped: new Query<{ volume: number }>(database, 'SELECT DISTINCT volume FROM dropped_replicas'),
  insertDropped: new Query(database, 'INSERT INTO dropped_replicas (volume, id) VALUES (?, ?)'),
  removeDropped: new Query(database, 'DELETE FROM dropped_replicas WHERE volume = ?'),
})

export class SqliteGrants implements GrantRows {
  readonly #all: Query<GrantRow>
  readonly #put: Insert<typeof GRANT>
  readonly #remove: Query

  constructor(database: DatabaseSync) {
    this.#all = new Query(database, `SELECT ${listed(GRANT)} FROM grants`)
    this.#put = new Insert(database, 'INSERT OR REPLACE INTO grants', GRANT)
    this.#remove = new Query(database, 'DELETE FROM grants WHERE server = ?')
  }

  load(): GrantRow[] {
    return this.#all.all()
  }

  put(row: GrantRow): void {
    this.#put.run(row)
  }

  remove(server: number): void {
    this.#remove.run(server)
  }
}
