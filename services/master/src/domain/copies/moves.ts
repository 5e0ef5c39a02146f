/**
 * Moves of copies that nobody misses: out of a zone that has too many of one volume, and from full servers to empty ones. A move makes
 * the new copy and marks the old one surplus in one transaction, so that Φ sees the whole of it; if the copy fails, the old one is taken back.
 */
import { type ClusterState, type ServerState, useOf } from './cluster-state.ts'
import { type Draft, type VolumeDraft } from './draft.ts'
import { useChangeOf } from './potential.ts'
import { sourcesFor, targetsFor, zonesOf } from './targets.ts'
import { type CopyLimits, type ReplicaView, type ServerView, type VolumeView } from './view.ts'

/** After every copy that somebody misses. */
const PRIORITY = { zone: 100, balance: 101 } as const

interface Move {
  readonly replica: ReplicaView
  readonly target: ServerState
  /** Changes of Φ. */
  readonly collisions: number
  readonly use: number
}

/** Makes at most one move of each of the volumes, which have all that they want and nothing else. */
export function move(draft: Draft, volumes: readonly VolumeView[]): void {
  let leastUse = leastUseOf(draft.cluster)
  for (const volume of volumes) {
    if (leastUse === null || draft.isFull) return
    if (mayGain(draft, volume, leastUse) && moveOne(draft, { ...volume }))
      leastUse = leastUseOf(draft.cluster)
  }
}

/** Servers that are fuller than others by so much that copies on them may be moved: whose volumes are worth a look. */
export function fullServers(servers: readonly ServerView[], { balanceFrom }: CopyLimits): number[] {
  const up = servers.filter(({ mode, liveness }) => mode === 'active' && liveness === 'alive')
  const least = Math.min(...up.map(useOf))
  return up.filter((server) => useOf(server) - least >= balanceFrom).map(({ id }) => id)
}

/** Of the servers that can take a copy now; null if none can. */
function leastUseOf({ up, limits }: ClusterState): number | null {
  const free = up.filter(({ view, incoming }) => !view.isFull && incoming < limits.incomingMax)
  return free.length === 0 ? null : Math.min(...free.map(useOf))
}

function moveOne(draft: Draft, volume: VolumeDraft): boolean {
  const { cluster } = draft
  const targets = targetsFor(cluster, volume)
  const best = Array.isArray(targets) ? bestMove(draft, volume, targets) : null
  if (best === null) return false
  const { replica, target, collisions } = best
  const cause = collisions < 0 ? 'zone' : 'balance'
  return draft.take(volume, {
    kind: 'copy',
    volume: volume.id,
    sources: sourcesFor(cluster, volume, target),
    target: target.view.id,
    cause,
    priority: PRIORITY[cause],
    replaces: replica.id,
  })
}

/** A quick look, since nearly all volumes stay where they are. */
function mayGain(draft: Draft, volume: VolumeView, leastUse: number): boolean {
  const { cluster, limits } = draft
  if (volume.sealedBytes === 0) return false
  const { balanceFrom } = limits
  if (volume.replicas.some(({ server }) => isFuller(cluster.server(server), leastUse, balanceFrom)))
    return true
  return draft.tally(volume).collisions > fewestCollisions(volume.wanted, cluster.zonesCount)
}

const isFuller = (server: ServerState, use: number, from: number): boolean =>
  server.isUp && useOf(server) - use >= from

/** Copies spread as evenly over the zones as they can be. */
function fewestCollisions(copies: number, zones: number): number {
  const each = Math.floor(copies / zones)
  const one = copies % zones
  return one * (each + 1) * each + (zones - one) * each * (each - 1)
}

/** The one after which Φ is least. */
function bestMove(draft: Draft, volume: VolumeDraft, targets: readonly ServerState[]): Move | null {
  const { cluster, limits } = draft
  const zones = zonesOf(cluster, volume)
  let best: Move | null = null
  for (const replica of volume.replicas) {
    const server = cluster.server(replica.server)
    if (!server.isUp) continue
    for (const target of targets) {
      const collisions = collisionsChange(zones, server.view.zone, target.view.zone)
      const use =
        useChangeOf({ server, bytes: -volume.sealedBytes }) +
        useChangeOf({ server: target, bytes: volume.sealedBytes })
      const isBalance = use < 0 && isFuller(server, useOf(target), limits.balanceFrom)
      if (collisions > 0 || (collisions === 0 && !isBalance)) continue
      const isBetter = best === null || (collisions - best.collisions || use - best.use) < 0
      if (isBetter) best = { replica, target, collisions, use }
    }
  }
  return best
}

/** n²−n of both zones, after against before. */
function collisionsChange(zones: ReadonlyMap<string, number>, from: string, to: string): number {
  if (from === to) return 0
  return 2 * (zones.get(to) ?? 0) - 2 * ((zones.get(from) ?? 0) - 1)
}
