/** How volumes and their copies stand in rows. */
import { type ReplicaRow, type VolumeRow } from './cluster-rows.ts'
import { nameOf, REPLICA, VOLUME_KIND, VOLUME_STATE } from './codes.ts'
import { type Heard, type Replica, Volume } from './volume.ts'

/** Without its copies. */
export function volumeOf(row: VolumeRow, primary: Volume['primary']): Volume {
  const { id, size_bytes: sizeBytes, salt } = row
  const volume = new Volume({ id, kind: nameOf(VOLUME_KIND, row.kind), primary, sizeBytes, salt })
  volume.state = nameOf(VOLUME_STATE, row.state)
  volume.committedEnd = row.sealed_length ?? row.committed_end
  volume.liveBytes = row.live_bytes
  volume.liveChunks = row.live_chunks
  volume.liveFiles = row.live_files
  return volume
}

export const volumeRowOf = (volume: Volume): VolumeRow => ({
  id: volume.id,
  kind: VOLUME_KIND[volume.kind],
  state: VOLUME_STATE[volume.state],
  primary_server: volume.primary.server,
  primary_incarnation: volume.primary.incarnation,
  committed_end: volume.committedEnd,
  sealed_length: volume.sealedLength,
  salt: volume.salt,
  size_bytes: volume.sizeBytes,
  live_bytes: volume.liveBytes,
  live_chunks: volume.liveChunks,
  live_files: volume.liveFiles,
})

export const heardOf = (row: ReplicaRow): Heard => ({
  state: nameOf(REPLICA, row.state),
  verifiedTo: row.verified_to,
  isSealReported: row.seal_reported === 1,
})

export const replicaRowOf = ({ id, volume, made, row }: Replica): ReplicaRow => ({
  id,
  volume: volume.id,
  server: made.server,
  incarnation: made.incarnation,
  state: REPLICA[row.state],
  verified_to: row.verifiedTo,
  seal_reported: row.isSealReported ? 1 : 0,
})
