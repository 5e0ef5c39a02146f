/** A volume and its copies as the store holds them in memory, and what follows from their states (volume-states.ts). */
import { type ChunkPlacement, type CommandFailure, failure, type VolumeKind } from '@dfs/protocol'
import { type CopiesOfVolume, type Placement } from '../../metadata/store.ts'
import { nameOf, REPLICA, type ReplicaState, VOLUME_KIND, VOLUME_STATE, type VolumeState } from './codes.ts'
import { type ReplicaRow, type VolumeRow } from './cluster-rows.ts'

export interface Replica {
  readonly id: number
  readonly volume: number
  readonly server: number
  readonly incarnation: number
  readonly state: ReplicaState
  readonly verifiedTo: number
  readonly isSealReported: boolean
}

export interface Volume {
  readonly id: number
  readonly kind: VolumeKind
  readonly primary: Placement
  readonly replicas: readonly Replica[]
  readonly state: VolumeState
  committedEnd: number
  readonly sealedLength: number | null
  /** By which its records are told from those of others. */
  readonly salt: string
}

/** How much a copy is worth to a reader; less is better, null is nothing at all. */
const RANKS: ReadonlyMap<ReplicaState, number> = new Map([
  ['open', 0],
  ['inSync', 0],
  ['unverified', 1],
  // What was committed had been synced before the failure, and every byte is verified on its way: better than nothing.
  ['damaged', 2],
])

/** Servers to read from, the best first; the order of the set breaks ties. */
export const readableServers = (volume: Volume): number[] =>
  volume.replicas
    .filter(({ state }) => RANKS.has(state))
    .toSorted((a, b) => RANKS.get(a.state)! - RANKS.get(b.state)!)
    .map((replica) => replica.server)

/** Those that had a copy and have started without it. */
export const serversThatLostIt = ({ replicas }: Volume): number[] =>
  replicas.filter(({ state }) => state === 'lost').map(({ server }) => server)

/** All copies, for whoever looks for bytes; the order of the set breaks ties. */
export const copiesOf = ({ sealedLength, replicas }: Volume): CopiesOfVolume => ({
  sealedLengthBytes: sealedLength,
  copies: replicas
    .toSorted((a, b) => (RANKS.get(a.state) ?? Infinity) - (RANKS.get(b.state) ?? Infinity) || a.id - b.id)
    .map(({ id, server, state }) => ({ server, replica: id, state })),
})

/** R2: whether a chunk appended by `sender` may become part of the metadata; null when it may. */
export function refuseChunk(volume: Volume, chunk: ChunkPlacement, sender: Placement): CommandFailure | null {
  if (volume.state !== 'open') {
    return failure('VOLUME_SEALED', `volume ${volume.id} is sealed at ${volume.sealedLength}`)
  }
  const { server, incarnation } = volume.primary
  if (server !== sender.server || incarnation !== sender.incarnation) {
    return failure('STALE_INCARNATION', `the primary of volume ${volume.id} is ${server} in ${incarnation}`)
  }
  if (chunk.offset < volume.committedEnd) {
    return failure('OFFSET_CONFLICT', `volume ${volume.id} is committed up to ${volume.committedEnd} already`)
  }
  if (chunk.copies !== volume.replicas.length) {
    return failure(
      'INVALID_REQUEST',
      `${chunk.copies} copies are not the ${volume.replicas.length} of the set`,
    )
  }
  if (chunk.recordSize < chunk.length || chunk.length === 0) {
    return failure('INVALID_REQUEST', `a record of ${chunk.recordSize} bytes cannot hold ${chunk.length}`)
  }
  return null
}

export const volumeOf = (row: VolumeRow, replicas: readonly Replica[]): Volume => ({
  id: row.id,
  kind: nameOf(VOLUME_KIND, row.kind),
  primary: { server: row.primary_server, incarnation: row.primary_incarnation },
  replicas,
  state: nameOf(VOLUME_STATE, row.state),
  committedEnd: row.committed_end,
  sealedLength: row.sealed_length,
  salt: row.salt,
})

export const volumeRowOf = (volume: Volume): VolumeRow => ({
  id: volume.id,
  kind: VOLUME_KIND[volume.kind],
  state: VOLUME_STATE[volume.state],
  primary_server: volume.primary.server,
  primary_incarnation: volume.primary.incarnation,
  committed_end: volume.committedEnd,
  sealed_length: volume.sealedLength,
  salt: volume.salt,
})

export const replicaOf = (row: ReplicaRow): Replica => ({
  id: row.id,
  volume: row.volume,
  server: row.server,
  incarnation: row.incarnation,
  state: nameOf(REPLICA, row.state),
  verifiedTo: row.verified_to,
  isSealReported: row.seal_reported === 1,
})

export const replicaRowOf = (replica: Replica): ReplicaRow => ({
  id: replica.id,
  volume: replica.volume,
  server: replica.server,
  incarnation: replica.incarnation,
  state: REPLICA[replica.state],
  verified_to: replica.verifiedTo,
  seal_reported: replica.isSealReported ? 1 : 0,
})
