/** New open volumes on sets that were chosen elsewhere. Every copy and every volume has a new id (R8). */
import { type Random } from '@dfs/core'
import { type VolumeOrder } from '@dfs/protocol'
import { type Placement, type VolumeAllocation } from '../store.ts'
import { REPLICA, VOLUME_STATE } from './codes.ts'
import { hexadecimal } from './state.ts'
import { type Tables } from './tables.ts'

const SALT_BYTES = 8

export const allocate = (
  tables: Tables,
  random: Random,
  { kind, sets }: VolumeAllocation,
  nowWallMs: number,
): VolumeOrder[] =>
  sets.map((set) =>
    allocateOne(tables, { kind, set, salt: hexadecimal(random.bytes(SALT_BYTES)) }, nowWallMs),
  )

function allocateOne(
  { state, volumes }: Tables,
  { kind, set, salt }: { kind: VolumeOrder['kind']; set: readonly Placement[]; salt: string },
  nowWallMs: number,
): VolumeOrder {
  const id = state.nextId()
  const { server, incarnation } = set[0]!
  const primary = { server, incarnation }
  const replicas = set.map((placement) => ({
    id: state.nextId(),
    server: placement.server,
    incarnation: placement.incarnation,
    state: REPLICA.open,
    verifiedTo: 0,
    isSealReported: false,
  }))
  const volume = {
    id,
    kind,
    primary,
    replicas,
    state: VOLUME_STATE.open,
    committedEnd: 0,
    sealedLength: null,
  }
  volumes.insert(volume, salt, nowWallMs)
  const copies = replicas.map((replica) => {
    return { replica: replica.id, server: replica.server, incarnation: replica.incarnation }
  })
  return { volume: id, kind, salt, primary, replicas: copies }
}
