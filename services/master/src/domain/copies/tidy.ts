/**
 * Takes away what a volume does not need: ends copies that come too late, decides which copies go, and releases them once nothing can
 * be lost by it. Deciding and releasing are two steps in two plans: what is surplus is still read, and is taken back if it is
 * needed after all.
 */
import { type ServerState, useOf } from './cluster-state.ts'
import { type Draft, type VolumeDraft } from './draft.ts'
import { mayRelease } from './release.ts'
import { countingOf } from './tally.ts'
import { zonesOf } from './targets.ts'
import { type CancelReason, type ReplicaView } from './view.ts'

export function tidy(draft: Draft, volume: VolumeDraft): void {
  cancelCopies(draft, volume)
  // Before others are decided to go: no copy is decided and released in one plan.
  release(draft, volume)
  leaveDraining(draft, volume)
  chooseSurplus(draft, volume)
  explain(draft, volume)
}

/** The youngest first: it has come least far. One that has no source any more goes too: it would keep a stream from others. */
function cancelCopies(draft: Draft, volume: VolumeDraft): void {
  const copying = volume.replicas
    .filter(({ id, state }) => state === 'copying' && id !== 0)
    .toSorted((one, other) => other.sinceMs - one.sinceMs || other.id - one.id)
  for (const { id } of copying) {
    const why = whyCancel(draft, volume, id)
    if (why !== null) draft.take(volume, { kind: 'cancel', volume: volume.id, replica: id, why })
  }
}

function whyCancel({ cluster }: Draft, volume: VolumeDraft, id: number): CancelReason | null {
  const copy = volume.replicas.find((replica) => replica.id === id)!
  const target = cluster.server(copy.server)
  if (!target.isThere) return null
  if (target.view.mode === 'draining') return 'target-draining'
  if (target.view.isFull) return 'target-full'
  if (countingOf(cluster, volume, copy, target) === 'none') return 'no-way'
  const others = volume.replicas.filter((replica) => {
    if (replica.id === id) return false
    const counting = countingOf(cluster, volume, replica, cluster.server(replica.server))
    return counting === 'inSync' || counting === 'coming'
  })
  return others.length >= volume.wanted ? 'enough-copies' : null
}

/** What is on a server that drains goes as soon as the others are enough, or will be when those on their way have come. */
function leaveDraining(draft: Draft, volume: VolumeDraft): void {
  if (draft.tally(volume).counted < volume.wanted) return
  for (const { id, server, state } of volume.replicas) {
    const { isThere, view } = draft.cluster.server(server)
    const isLeaving = isThere && view.mode === 'draining'
    if (!isLeaving || (state !== 'inSync' && state !== 'unverified')) continue
    draft.take(volume, { kind: 'surplus', volume: volume.id, replica: id })
  }
}

function chooseSurplus(draft: Draft, volume: VolumeDraft): void {
  if (draft.tally(volume).inSync >= volume.wanted) leaveUnread(draft, volume)
  while (draft.tally(volume).inSync > volume.wanted) {
    const replica = leastNeeded(draft, volume)
    if (!draft.take(volume, { kind: 'surplus', volume: volume.id, replica })) return
  }
}

/** Nobody waits any longer for what is not verified: the others are enough. */
function leaveUnread(draft: Draft, volume: VolumeDraft): void {
  const { cluster } = draft
  for (const replica of volume.replicas) {
    const server = cluster.server(replica.server)
    if (replica.state !== 'unverified' || !server.isUp) continue
    if (countingOf(cluster, volume, replica, server) !== 'none') continue
    draft.take(volume, { kind: 'surplus', volume: volume.id, replica: replica.id })
  }
}

/** The in-sync copy whose zone has the most, and of those the one on the fullest server. */
function leastNeeded({ cluster }: Draft, volume: VolumeDraft): number {
  const zones = zonesOf(cluster, volume)
  const serverOf = ({ server }: ReplicaView): ServerState => cluster.server(server)
  const inZone = (replica: ReplicaView): number => zones.get(serverOf(replica).view.zone) ?? 0
  const candidates = volume.replicas.filter(
    (replica) => countingOf(cluster, volume, replica, serverOf(replica)) === 'inSync',
  )
  const [least] = candidates.toSorted(
    (one, other) =>
      inZone(other) - inZone(one) || useOf(serverOf(other)) - useOf(serverOf(one)) || other.id - one.id,
  )
  return least!.id
}

function release(draft: Draft, volume: VolumeDraft): void {
  const { cluster, limits } = draft
  const { minReplicas, releasesMax } = limits
  const isUp = (server: number): boolean => cluster.server(server).isUp
  for (const { id, server, state } of volume.replicas) {
    const { isThere, view, released } = cluster.server(server)
    if (!isThere || !isToGo(draft, volume, state)) continue
    const { replicas, wanted } = volume
    if (!mayRelease({ replica: id, replicas, wanted, minReplicas, isUp })) continue
    if (view.mode === 'draining' || released < releasesMax) {
      draft.take(volume, { kind: 'release', volume: volume.id, replica: id })
    } else draft.wait(volume, 'release-limit', [server])
  }
}

/** Bad copies stay until the others are all there: until then they may help. */
function isToGo(draft: Draft, volume: VolumeDraft, state: ReplicaView['state']): boolean {
  if (state === 'surplus') return true
  return (state === 'damaged' || state === 'lost') && draft.tally(volume).inSync >= volume.wanted
}

/** Nothing more can be done now for a volume whose copies have yet to be read. */
function explain(draft: Draft, volume: VolumeDraft): void {
  const { inSync, coming, checking } = draft.tally(volume)
  if (inSync + coming >= volume.wanted || checking === 0) return
  const { cluster } = draft
  const unread = volume.replicas.filter(
    (replica) => countingOf(cluster, volume, replica, cluster.server(replica.server)) === 'checking',
  )
  const servers = unread.map(({ server }) => server)
  draft.wait(volume, 'waiting-for-verification', servers)
}
