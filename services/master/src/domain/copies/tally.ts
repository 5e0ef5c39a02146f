/**
 * What the copies of one volume count for in a plan. A copy *counts* if it is in-sync, or on its way to that, on a server that is alive
 * and stays, and is not about to go. One on a dead server keeps its row and its state, and counts for nothing: so a death writes no
 * row, and who comes back is taken up again without a word.
 *
 * This is stricter than what is shown as a good copy (good-copies.ts): what is removed rests on what was verified, and on servers
 * that stay.
 */
import { type ClusterState, type ServerState } from './cluster-state.ts'
import { type ReplicaView, type ServerView, type VolumeView } from './view.ts'

/**
 * - `inSync`: verified up to the seal
 * - `coming`: being made, and there is a way for it
 * - `checking`: unverified, and likely to be verified soon; or no worse than others would be, since there is no whole one
 * - `none`: counts for nothing
 */
export type Counting = 'inSync' | 'coming' | 'checking' | 'none'

export interface Tally {
  /** In-sync, coming or checking. */
  counted: number
  inSync: number
  coming: number
  checking: number
  /** In-sync or surplus on any server that is alive: what a reader, and the next copy, is sure of. */
  whole: number
  /** On servers that drain, and not yet decided to go. */
  draining: number
  /** Still to be removed from servers that are alive. */
  leftover: number
  /** Σ n²−n over the zones, n being the counted copies in one. */
  collisions: number
  /** Copies that are neither in-sync nor on a server that is dead or removed. */
  unsettled: number
}

type Copies = Pick<VolumeView, 'replicas'>

export function tallyOf(cluster: ClusterState, volume: Copies): Tally {
  const tally = {
    counted: 0,
    inSync: 0,
    coming: 0,
    checking: 0,
    whole: 0,
    draining: 0,
    leftover: 0,
    collisions: 0,
    unsettled: 0,
  }
  const zones: string[] = []
  for (const replica of volume.replicas) {
    const server = cluster.server(replica.server)
    const counting = countingOf(cluster, volume, replica, server)
    if (counting !== 'none') {
      tally.counted += 1
      tally[counting] += 1
      const { zone } = server.view
      for (const other of zones) if (other === zone) tally.collisions += 2
      zones.push(zone)
    }
    if (counting !== 'inSync') countOther(tally, replica, counting, server)
    else tally.whole += 1
  }
  return tally
}

function countOther(tally: Tally, { state }: ReplicaView, counting: Counting, server: ServerState): void {
  const { view, isThere } = server
  if (view.mode !== 'removed' && view.liveness !== 'dead') tally.unsettled += 1
  if (!isThere) return
  if (isWhole({ state })) tally.whole += 1
  if (view.mode === 'draining' && state !== 'surplus' && state !== 'dropping') tally.draining += 1
  const isStuck = state === 'copying' && counting === 'none'
  if (isStuck || state === 'surplus' || state === 'damaged' || state === 'lost') tally.leftover += 1
}

export function countingOf(
  cluster: ClusterState,
  volume: Copies,
  replica: ReplicaView,
  { view, isUp }: ServerState,
): Counting {
  if (!isUp) return 'none'
  switch (replica.state) {
    case 'inSync':
      return 'inSync'
    case 'unverified':
      return cluster.isBeingChecked(replica, view) || !hasWhole(cluster, volume) ? 'checking' : 'none'
    case 'copying':
      return isComing(cluster, volume, replica, view) ? 'coming' : 'none'
    case 'damaged':
    case 'lost':
    case 'surplus':
    case 'dropping':
      return 'none'
  }
}

const isComing = (cluster: ClusterState, volume: Copies, replica: ReplicaView, target: ServerView): boolean =>
  !target.isFull && !cluster.isStalled(replica, target) && hasWay(cluster, volume, target.id)

/** Without a whole copy others would be no better: they would be made, one after the other, on every server that there is. */
const hasWhole = (cluster: ClusterState, { replicas }: Copies): boolean =>
  replicas.some((replica) => isWhole(replica) && cluster.server(replica.server).isThere)

/** Whether a copy on its way can still arrive: it has a source that is not dead, and has not failed it again and again. */
function hasWay(cluster: ClusterState, { replicas }: Copies, target: number): boolean {
  const living = replicas.filter(({ server }) => {
    const { mode, liveness } = cluster.server(server).view
    return mode !== 'removed' && liveness !== 'dead'
  })
  const sources = living.some(isWhole)
    ? living.filter(isWhole)
    : living.filter(({ state }) => isReadable(state))
  return sources.some(({ server }) => (cluster.avoided(server, target)?.tries ?? 0) < cluster.limits.triesMax)
}

/** Whether a copy is verified, or was when it was decided that it goes. */
export const isWhole = ({ state }: Pick<ReplicaView, 'state'>): boolean =>
  state === 'inSync' || state === 'surplus'

/** Whether there is something to copy from. */
export const isReadable = (state: ReplicaView['state']): boolean =>
  state === 'inSync' || state === 'surplus' || state === 'unverified' || state === 'damaged'
