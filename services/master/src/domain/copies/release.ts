/**
 * I1, the rule that stands between a plan and a loss: whether a copy may be removed. The planner asks it of what it sees, and the
 * transaction that releases a copy asks it once more of what is then: a server may have died in between.
 */
import { type ReplicaView } from './view.ts'

export interface ReleaseQuestion {
  readonly replica: number
  readonly replicas: readonly Pick<ReplicaView, 'id' | 'server' | 'state'>[]
  readonly wanted: number
  readonly minReplicas: number
  /** Whether a server is alive and stays: neither draining nor removed. */
  readonly isUp: (server: number) => boolean
}

/**
 * A surplus copy may go if as many others as are wanted are in-sync on servers that are up. A damaged or a lost one stays until
 * there are `minReplicas`: it may have the only good bytes of some record. A copy on its way may go at any time. No other state ends
 * in a release.
 */
export function mayRelease({ replica, replicas, wanted, minReplicas, isUp }: ReleaseQuestion): boolean {
  const good = replicas.filter(
    ({ id, server, state }) => id !== replica && state === 'inSync' && isUp(server),
  )
  switch (replicas.find(({ id }) => id === replica)?.state) {
    case 'surplus':
      return good.length >= wanted
    case 'damaged':
    case 'lost':
      return good.length >= Math.min(minReplicas, wanted)
    case 'copying':
      return true
    default:
      return false
  }
}
