/** The rows of volumes and their copies: what is read of them and written to them, and what stands for them in memory. */
import { type DatabaseSync } from 'node:sqlite'
import { nameOf, REPLICA, VOLUME_KIND, VOLUME_STATE } from './codes.ts'
import { Insert, listed } from './insert.ts'
import { Query } from './query.ts'
import { type Replica, type Volume } from './volume.ts'

export interface VolumeRow {
  readonly id: number
  readonly kind: number
  readonly state: number
  readonly primary_server: number
  readonly primary_incarnation: number
  readonly committed_end: number
  readonly sealed_length: number | null
}

interface ReplicaRow {
  readonly id: number
  readonly server: number
  readonly incarnation: number
  readonly state: number
  readonly verified_to: number
  readonly seal_reported: number
}

const VOLUME_COLUMNS = [
  'id',
  'kind',
  'state',
  'primary_server',
  'primary_incarnation',
  'committed_end',
  'sealed_length',
] as const satisfies (keyof VolumeRow)[]
const REPLICA_COLUMNS = [
  'id',
  'server',
  'incarnation',
  'state',
  'verified_to',
  'seal_reported',
] as const satisfies (keyof ReplicaRow)[]

export const prepareVolumes = (database: DatabaseSync) => ({
  openVolumes: new Query<VolumeRow>(
    database,
    `SELECT ${listed(VOLUME_COLUMNS)} FROM volumes WHERE state = ${VOLUME_STATE.open} ORDER BY id`,
  ),
  volume: new Query<VolumeRow>(database, `SELECT ${listed(VOLUME_COLUMNS)} FROM volumes WHERE id = ?`),
  salt: new Query<{ salt: string }>(database, 'SELECT salt FROM volumes WHERE id = ?'),
  countSealed: new Query<{ count: number }>(
    database,
    `SELECT (SELECT count(*) FROM volumes) -
       (SELECT count(*) FROM volumes WHERE state = ${VOLUME_STATE.open}) AS count`,
  ),
  replicas: new Query<ReplicaRow>(
    database,
    `SELECT ${listed(REPLICA_COLUMNS)} FROM replicas WHERE volume = ? ORDER BY id`,
  ),
  insertVolume: new Insert(database, 'INSERT INTO volumes', [
    ...VOLUME_COLUMNS,
    'salt',
    'created_ms',
  ] as const),
  insertReplica: new Insert(database, 'INSERT INTO replicas', [...REPLICA_COLUMNS, 'volume'] as const),
  raise: new Query(database, 'UPDATE volumes SET committed_end = ? WHERE id = ?'),
  volumesOn: new Query<{ volume: number }>(
    database,
    `SELECT volume FROM replicas
     WHERE server = ? AND state IN (${REPLICA.inSync}, ${REPLICA.unverified}) ORDER BY volume`,
  ),
  awaitingSeal: new Query<{ volume: number; replica: number; length: number }>(
    database,
    `SELECT r.volume, r.id AS replica, v.sealed_length AS length
     FROM replicas r JOIN volumes v ON v.id = r.volume
     WHERE r.server = ? AND r.state = ${REPLICA.unverified} AND r.seal_reported = 0 AND v.state = ${VOLUME_STATE.sealed}
     ORDER BY r.id LIMIT ? + 0`,
  ),
})

export const volumeOf = (row: VolumeRow, replicas: readonly Replica[]): Volume => ({
  id: row.id,
  kind: nameOf(VOLUME_KIND, row.kind),
  primary: { server: row.primary_server, incarnation: row.primary_incarnation },
  replicas,
  state: nameOf(VOLUME_STATE, row.state),
  committedEnd: row.committed_end,
  sealedLength: row.sealed_length,
})

export const volumeRowOf = (volume: Volume): VolumeRow => ({
  id: volume.id,
  kind: VOLUME_KIND[volume.kind],
  state: VOLUME_STATE[volume.state],
  primary_server: volume.primary.server,
  primary_incarnation: volume.primary.incarnation,
  committed_end: volume.committedEnd,
  sealed_length: volume.sealedLength,
})

export const replicaOf = (row: ReplicaRow): Replica => ({
  id: row.id,
  server: row.server,
  incarnation: row.incarnation,
  state: nameOf(REPLICA, row.state),
  verifiedTo: row.verified_to,
  isSealReported: row.seal_reported === 1,
})

export const replicaRowOf = (replica: Replica): ReplicaRow => ({
  id: replica.id,
  server: replica.server,
  incarnation: replica.incarnation,
  state: REPLICA[replica.state],
  verified_to: replica.verifiedTo,
  seal_reported: replica.isSealReported ? 1 : 0,
})
