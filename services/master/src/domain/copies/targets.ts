/**
 * From where, and to where, a copy is made. Whatever stands in the way has a name: a volume that waits without a word is what people
 * complain of most in the systems that heal.
 */
import { COPY_SOURCES_MAX } from '@dfs/protocol'
import { type ClusterState, type ServerState, useOf } from './cluster-state.ts'
import { isReadable, isWhole, countingOf } from './tally.ts'
import { type CopySource, type CopyState, type ReplicaView, type VolumeView, type WaitCode } from './view.ts'

export interface NoWay {
  readonly code: WaitCode
  readonly servers: readonly number[]
}

/** Copies that may be asked. */
export interface Sources {
  readonly replicas: readonly ReplicaView[]
  /** Why there are none. */
  readonly none: NoWay
}

/** Less is better. Each record is verified on its way, so a bad copy costs time and no bytes. */
const RANKS: Readonly<Partial<Record<CopyState, number>>> = {
  inSync: 0,
  surplus: 0,
  unverified: 1,
  damaged: 2,
}

/**
 * Unverified copies are asked only if there is no whole one: they may be those of an older disk. And not while they are being
 * verified: then there will be a whole one soon. Damaged ones are asked even if there are no others: all that was committed may be there,
 * on a disk that has failed once, and each record is verified on its way.
 */
export function sourcesOf(cluster: ClusterState, volume: VolumeView): Sources {
  const there = volume.replicas.filter(
    ({ server, state }) => isReadable(state) && cluster.server(server).isThere,
  )
  const hasWhole = there.some(isWhole)
  const unread = hasWhole ? [] : there.filter((replica) => isUnderCheck(cluster, replica))
  if (unread.length > 0) {
    return { replicas: [], none: { code: 'waiting-for-verification', servers: serversOf(unread) } }
  }
  const isWanted = ({ state }: ReplicaView): boolean => !hasWhole || state !== 'unverified'
  return {
    replicas: there.filter(isWanted),
    none: { code: 'no-good-copy', servers: serversOf(volume.replicas) },
  }
}

const isUnderCheck = (cluster: ClusterState, replica: ReplicaView): boolean =>
  replica.state === 'unverified' && cluster.isBeingChecked(replica, cluster.server(replica.server).view)

const serversOf = (replicas: readonly ReplicaView[]): number[] => replicas.map(({ server }) => server)

/** Servers on which a copy of the volume could be made now. Otherwise what keeps those that came nearest to it. */
export function targetsFor(cluster: ClusterState, volume: VolumeView): ServerState[] | NoWay {
  const sources = sourcesOf(cluster, volume)
  if (sources.replicas.length === 0) return sources.none
  const targets: ServerState[] = []
  const hindered = new Map<WaitCode, number[]>()
  for (const target of cluster.up) {
    const why = whyNotTo(cluster, volume, sources.replicas, target)
    if (why === null) targets.push(target)
    else hindered.set(why, [...(hindered.get(why) ?? []), target.view.id])
  }
  if (targets.length > 0) return targets
  const code = NEAREST_FIRST.find((each) => hindered.has(each)) ?? 'no-server'
  return { code, servers: code === 'no-server' ? notCounting(cluster, volume) : hindered.get(code)! }
}

/** Reasons against a target, the one that is looked at last first. */
const NEAREST_FIRST: readonly WaitCode[] = [
  'streams-busy',
  'back-off',
  'unreachable',
  'no-room',
  'waiting-for-drop',
  'no-server',
]

/** Null if nothing is against it. */
function whyNotTo(
  cluster: ClusterState,
  { replicas, sealedBytes }: VolumeView,
  sources: readonly ReplicaView[],
  target: ServerState,
): WaitCode | null {
  const { view } = target
  const own = replicas.find(({ server }) => server === view.id)
  // I2: one row for a volume and a server, so a new copy comes only after the old one was dropped.
  if (own !== undefined) return own.state === 'dropping' ? 'waiting-for-drop' : 'no-server'
  if (view.isFull || target.roomBytes < sealedBytes) return 'no-room'
  if (!sources.some((source) => isReachable(cluster, source, target))) return 'unreachable'
  if (cluster.isFlapping(view)) return 'back-off'
  const first = firstSource(cluster, sources, target)
  if (first === null) return 'back-off'
  const { incomingMax, outgoingMax } = cluster.limits
  const isBusy = target.incoming >= incomingMax || cluster.server(first.server).outgoing >= outgoingMax
  return isBusy ? 'streams-busy' : null
}

const isReachable = (cluster: ClusterState, { server }: ReplicaView, { view }: ServerState): boolean =>
  cluster.isReachable(cluster.server(server).view, view)

const isUsable = (cluster: ClusterState, source: ReplicaView, target: ServerState): boolean =>
  isReachable(cluster, source, target) && cluster.avoided(source.server, target.view.id) === null

function firstSource(
  cluster: ClusterState,
  sources: readonly ReplicaView[],
  target: ServerState,
): ReplicaView | null {
  let first: ReplicaView | null = null
  for (const source of sources) {
    const isBetter = first === null || compareSources(cluster, source, first) < 0
    if (isBetter && isUsable(cluster, source, target)) first = source
  }
  return first
}

/** For one of {@link targetsFor}: the best first, never empty. */
export const sourcesFor = (cluster: ClusterState, volume: VolumeView, target: ServerState): CopySource[] =>
  sourcesOf(cluster, volume)
    .replicas.filter((source) => isUsable(cluster, source, target))
    .toSorted((one, other) => compareSources(cluster, one, other))
    .slice(0, COPY_SOURCES_MAX)
    .map(({ id, server }) => ({ server, replica: id }))

function compareSources(cluster: ClusterState, one: ReplicaView, other: ReplicaView): number {
  const outgoing = ({ server }: ReplicaView): number => cluster.server(server).outgoing
  return RANKS[one.state]! - RANKS[other.state]! || outgoing(one) - outgoing(other) || one.id - other.id
}

/** The servers whose copies count for nothing: they are missed. */
const notCounting = (cluster: ClusterState, volume: VolumeView): number[] =>
  serversOf(
    volume.replicas.filter(
      (replica) => countingOf(cluster, volume, replica, cluster.server(replica.server)) === 'none',
    ),
  )

/** Of the counted copies of a volume, how many are in each zone. */
export function zonesOf(cluster: ClusterState, volume: VolumeView): Map<string, number> {
  const zones = new Map<string, number>()
  for (const replica of volume.replicas) {
    const server = cluster.server(replica.server)
    if (countingOf(cluster, volume, replica, server) === 'none') continue
    zones.set(server.view.zone, (zones.get(server.view.zone) ?? 0) + 1)
  }
  return zones
}

/** The server that Φ likes best: the zone with the fewest copies, then the least use as it will be. */
export function bestTarget(
  cluster: ClusterState,
  volume: VolumeView,
  targets: readonly ServerState[],
): ServerState {
  const zones = zonesOf(cluster, volume)
  const inZone = ({ view }: ServerState): number => zones.get(view.zone) ?? 0
  const use = (target: ServerState): number => useOf(target) + volume.sealedBytes / target.totalBytes
  return targets.reduce((best, target) => {
    return (inZone(target) - inZone(best) || use(target) - use(best)) < 0 ? target : best
  })
}
