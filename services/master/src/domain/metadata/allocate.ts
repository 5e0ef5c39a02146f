/**
 * New open volumes on sets that were chosen elsewhere. Every copy and every volume has a new id (R8). What a primary was
 * granted last is written down with it: a request whose answer was lost is answered again, and no volume stays open that
 * its primary never heard of.
 */
import { type Random } from '@dfs/core'
import { DfsError, type VolumeKind, type VolumeOrder } from '@dfs/protocol'
import { type GrantKey, type Placement, type VolumeAllocation } from '../../metadata/cluster-store.ts'
import { once } from './reads.ts'
import { hexadecimal } from './state.ts'
import { type Books } from './books.ts'
import { Volume } from './volume.ts'
import { Unchanged, type Work } from './work.ts'

const SALT_BYTES = 8

/**
 * What the same request was granted before, or new volumes. Throws UNKNOWN_SERVER or STALE_INCARNATION if the primary is
 * not registered like that, COPY_ERROR if another server of a set is not.
 */
export function* allocate(
  books: Books,
  random: Random,
  allocation: VolumeAllocation,
  nowWallMs: number,
): Work<readonly VolumeOrder[] | Unchanged<readonly VolumeOrder[]>> {
  const { servers, grants } = books
  const { kind, sets, sizeBytes = null } = allocation
  yield once
  const granted = findAllocation(books, allocation)
  if (granted !== null) return new Unchanged(granted)
  for (const placement of sets.flat()) {
    if (servers.isCurrent(placement)) continue
    throw new DfsError('COPY_ERROR', `server ${placement.server} has just restarted; ask again`)
  }
  const orders = sets.map((set) =>
    allocateOne(books, { kind, set, sizeBytes, salt: hexadecimal(random.bytes(SALT_BYTES)) }, nowWallMs),
  )
  const ids = orders.map(({ volume }) => volume)
  grants.put(allocation, ids)
  return orders
}

/**
 * The orders that the request got before; null if it is new. Throws INVALID_REQUEST if a later one was granted, and UNKNOWN_SERVER
 * or STALE_INCARNATION: what an earlier incarnation was granted may be deleted.
 */
export function findAllocation(
  { servers, grants, volumes }: Books,
  request: GrantKey,
): readonly VolumeOrder[] | null {
  const { primary, kind, number } = request
  servers.requireCurrent(primary)
  const last = grants.last(primary, kind)
  if (last === null || number > last.number) return null
  if (number < last.number) {
    throw new DfsError('INVALID_REQUEST', `request ${number} for volumes came after ${last.number}`)
  }
  return last.volumes.map((id) => volumes.orderOf(id))
}

interface NewVolume {
  readonly kind: VolumeKind
  readonly set: readonly Placement[]
  readonly sizeBytes: number | null
  readonly salt: string
}

function allocateOne(
  { state, volumes }: Books,
  { kind, set, sizeBytes, salt }: NewVolume,
  nowWallMs: number,
): VolumeOrder {
  const { server, incarnation } = set[0]!
  const primary = volumes.placement(server, incarnation)
  const volume = new Volume({ id: state.nextId(), kind, primary, sizeBytes, salt })
  const copies = set.map((made) => ({ id: state.nextId(), made }))
  volumes.insert(volume, copies, nowWallMs)
  return volume.order
}
