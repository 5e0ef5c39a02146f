/**
 * New open volumes on sets that were chosen elsewhere. Every copy and every volume has a new id (R8). What a primary was
 * granted last is written down with it: a request whose answer was lost is answered again, and no volume stays open that
 * its primary never heard of.
 */
import { type Random } from '@dfs/core'
import { DfsError, type VolumeOrder } from '@dfs/protocol'
import { type GrantKey, type Placement, type VolumeAllocation } from '../../metadata/store.ts'
import { once, type Rounds } from './reads.ts'
import { hexadecimal } from './state.ts'
import { type Books } from './books.ts'
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
  const { primary, kind, sets } = allocation
  servers.requireCurrent(primary)
  yield () => readsOfAllocation(books, allocation)
  const granted = findAllocation(books, allocation)
  if (granted !== null) return new Unchanged(granted)
  for (const placement of sets.flat()) {
    if (servers.isCurrent(placement)) continue
    throw new DfsError('COPY_ERROR', `server ${placement.server} has just restarted; ask again`)
  }
  const orders = sets.map((set) =>
    allocateOne(books, { kind, set, salt: hexadecimal(random.bytes(SALT_BYTES)) }, nowWallMs),
  )
  const ids = orders.map(({ volume }) => volume)
  grants.put(allocation, ids)
  return orders
}

/** The volumes that the primary was granted last. */
export const readsOfAllocation = ({ grants, volumes }: Books, { primary, kind }: GrantKey): Rounds =>
  once(...volumes.named(grants.last(primary, kind)?.volumes ?? []))

/** The orders that the request got before; null if it is new. Throws INVALID_REQUEST if a later one was granted. */
export function findAllocation({ grants, volumes }: Books, request: GrantKey): readonly VolumeOrder[] | null {
  const { primary, kind, number } = request
  const last = grants.last(primary, kind)
  if (last === null || number > last.number) return null
  if (number < last.number) {
    throw new DfsError('INVALID_REQUEST', `request ${number} for volumes came after ${last.number}`)
  }
  return last.volumes.map((id) => volumes.orderOf(id))
}

function allocateOne(
  { state, volumes }: Books,
  { kind, set, salt }: { kind: VolumeOrder['kind']; set: readonly Placement[]; salt: string },
  nowWallMs: number,
): VolumeOrder {
  const id = state.nextId()
  const { server, incarnation } = set[0]!
  const primary = { server, incarnation }
  const replicas = set.map((placement) => ({
    id: state.nextId(),
    volume: id,
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
    salt,
  }
  volumes.insert(volume, nowWallMs)
  const copies = replicas.map((replica) => {
    return { replica: replica.id, server: replica.server, incarnation: replica.incarnation }
  })
  return { volume: id, kind, salt, primary, replicas: copies }
}
