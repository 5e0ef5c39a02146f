/**
 * Gives a volume back the copies that it misses: takes back one that was to go, or orders a new one. A server that is
 * silent, or died a moment ago, is waited for first: copying what comes back by itself is the most expensive way to do nothing.
 */
import { type Draft, type VolumeDraft } from './draft.ts'
import { mayRelease } from './release.ts'
import { type Tally } from './tally.ts'
import { bestTarget, type NoWay, sourcesFor, targetsFor, zonesOf } from './targets.ts'
import { type CopyCause, type ReplicaView } from './view.ts'

/** With fewer whole copies nobody is waited for who is dead. */
const SAFE_COPIES = 2

export function restore(draft: Draft, volume: VolumeDraft): void {
  for (;;) {
    const tally = draft.tally(volume)
    if (tally.counted >= volume.wanted) return
    const expected = expectedServers(draft, volume, tally)
    if (tally.counted + expected.length >= volume.wanted) {
      draft.wait(volume, 'waiting-for-server', expected)
      return
    }
    if (!takeBack(draft, volume) && !order(draft, volume, tally)) return
  }
}

/** Servers that may soon be back with a copy that counts. */
function expectedServers({ cluster }: Draft, volume: VolumeDraft, { whole }: Tally): number[] {
  const isExpected = ({ server, state }: ReplicaView): boolean => {
    if (state !== 'inSync' && state !== 'unverified' && state !== 'copying') return false
    const { view } = cluster.server(server)
    if (view.mode !== 'active') return false
    if (view.liveness === 'suspect') return true
    const isGivenTime = whole >= SAFE_COPIES && cluster.nowMs - view.sinceMs < cluster.returnMs(view)
    return view.liveness === 'dead' && isGivenTime
  }
  return volume.replicas.filter(isExpected).map(({ server }) => server)
}

/** Revokes the surplus copy whose zone has the fewest others. */
function takeBack(draft: Draft, volume: VolumeDraft): boolean {
  const { cluster } = draft
  const zones = zonesOf(cluster, volume)
  const inZone = ({ server }: ReplicaView): number => zones.get(cluster.server(server).view.zone) ?? 0
  const [found] = volume.replicas
    .filter(({ server, state }) => state === 'surplus' && cluster.server(server).isUp)
    .toSorted((one, other) => inZone(one) - inZone(other) || one.id - other.id)
  if (found === undefined) return false
  return draft.take(volume, { kind: 'revoke', volume: volume.id, replica: found.id })
}

/** Orders a new copy. */
function order(draft: Draft, volume: VolumeDraft, { whole }: Tally): boolean {
  const { cluster } = draft
  const targets = targetsFor(cluster, volume)
  if (!Array.isArray(targets)) {
    hinder(draft, volume, targets)
    return false
  }
  const target = bestTarget(cluster, volume, targets)
  const isTaken = draft.take(volume, {
    kind: 'copy',
    volume: volume.id,
    sources: sourcesFor(cluster, volume, target),
    target: target.view.id,
    cause: causeOf(draft, volume),
    priority: whole,
    replaces: null,
  })
  if (!isTaken) draft.wait(volume, 'next-turn', [])
  return isTaken
}

function hinder(draft: Draft, volume: VolumeDraft, { code, servers }: NoWay): void {
  const isPlaceTaken = code === 'no-server' || code === 'no-room'
  if (isPlaceTaken && makePlace(draft, volume)) draft.wait(volume, 'waiting-for-drop', servers)
  else draft.wait(volume, code, servers)
}

/** With no other server to turn to, a bad copy goes before the new one is made, and not after: its place is the only one. */
function makePlace(draft: Draft, volume: VolumeDraft): boolean {
  const { cluster, limits } = draft
  const isUp = (server: number): boolean => cluster.server(server).isUp
  const { replicas, wanted } = volume
  const { minReplicas, releasesMax } = limits
  if (replicas.some(({ server, state }) => state === 'dropping' && isUp(server))) return false
  const bad = replicas.find(({ id, server, state }) => {
    const { view, released } = cluster.server(server)
    const isBad = (state === 'damaged' || state === 'lost') && isUp(server) && !view.isFull
    const isAllowed = released < releasesMax
    return isBad && isAllowed && mayRelease({ replica: id, replicas, wanted, minReplicas, isUp })
  })
  return bad !== undefined && draft.take(volume, { kind: 'release', volume: volume.id, replica: bad.id })
}

/** What has made the copy necessary; with several reasons the gravest. */
function causeOf({ cluster }: Draft, { hadMore, replicas }: VolumeDraft): CopyCause {
  const isGone = ({ server, state }: ReplicaView): boolean =>
    state === 'lost' || !cluster.server(server).isThere
  if (replicas.some(isGone)) return 'lost'
  if (replicas.some(({ state }) => state === 'damaged')) return 'damaged'
  const isDraining = ({ server }: ReplicaView): boolean => cluster.server(server).view.mode === 'draining'
  if (replicas.some(isDraining)) return 'drain'
  // The one that it had in its place is removed already.
  return hadMore ? 'lost' : 'policy'
}
