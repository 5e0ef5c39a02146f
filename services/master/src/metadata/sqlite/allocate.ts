/**
 * New open volumes on sets that were chosen elsewhere. Every copy and every volume has a new id (R8). What a primary was
 * granted last is written down with it: a request whose answer was lost is answered again, and no volume stays open that
 * its primary never heard of.
 */
import { type Random } from '@dfs/core'
import { DfsError, type VolumeOrder } from '@dfs/protocol'
import { type AllocationRequest, type Placement, type VolumeAllocation } from '../store.ts'
import { hexadecimal } from './state.ts'
import { type Tables } from './tables.ts'

const SALT_BYTES = 8

export function allocate(
  tables: Tables,
  random: Random,
  allocation: VolumeAllocation,
  nowWallMs: number,
): VolumeOrder[] {
  const { kind, sets } = allocation
  const orders = sets.map((set) =>
    allocateOne(tables, { kind, set, salt: hexadecimal(random.bytes(SALT_BYTES)) }, nowWallMs),
  )
  tables.grants.put(
    allocation,
    orders.map(({ volume }) => volume),
  )
  return orders
}

/** The orders that the request got before; null where it is new. Throws INVALID_REQUEST where a later one was granted. */
export function findAllocation(
  { grants, volumes }: Tables,
  request: AllocationRequest,
): readonly VolumeOrder[] | null {
  const { primary, kind, number } = request
  const last = grants.last(primary, kind)
  if (last === null || number > last.number) return null
  if (number < last.number) {
    throw new DfsError('INVALID_REQUEST', `request ${number} for volumes came after ${last.number}`)
  }
  return last.volumes.map((id) => volumes.orderOf(id))
}

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
    state: 'open' as const,
    verifiedTo: 0,
    isSealReported: false,
  }))
  const volume = {
    id,
    kind,
    primary,
    replicas,
    state: 'open' as const,
    committedEnd: 0,
    sealedLength: null,
  }
  volumes.insert(volume, salt, nowWallMs)
  const copies = replicas.map((replica) => {
    return { replica: replica.id, server: replica.server, incarnation: replica.incarnation }
  })
  return { volume: id, kind, salt, primary, replicas: copies }
}
