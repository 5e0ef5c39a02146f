/**
 * Moves of copies that nobody misses: out of a zone that has too many of one volume, and from full servers to empty ones. A move makes
 * the new copy and marks the old one surplus in one transaction, so that Φ sees the whole of it; if the copy fails, the old one is taken back.
 */
import { type ServerState, useOf } from './cluster-state.ts'
import { type Draft, type VolumeDraft } from './draft.ts'
import { useChangeOf } from './potential.ts'
import { waysFor, type Way, zonesOf } from './targets.ts'
import { type ReplicaView } from './view.ts'

/** After every copy that somebody misses. */
const PRIORITY = { zone: 100, balance: 101 } as const

interface Move {
  readonly replica: ReplicaView
  readonly way: Way
  /** Changes of Φ. */
  readonly collisions: number
  readonly use: number
}

/** Makes at most one move of a volume that has all that it wants, and nothing else. */
export function move(draft: Draft, volume: VolumeDraft): void {
  if (!mayGain(draft, volume)) return
  const ways = waysFor(draft.cluster, volume)
  if (!Array.isArray(ways)) return
  const best = bestMove(draft, volume, ways)
  if (best === null) return
  const { replica, way, collisions } = best
  const cause = collisions < 0 ? 'zone' : 'balance'
  draft.take(volume, {
    kind: 'copy',
    volume: volume.id,
    sources: way.sources,
    target: way.target.view.id,
    cause,
    priority: PRIORITY[cause],
    replaces: replica.id,
  })
}

/** A quick look, since nearly all volumes stay where they are. */
function mayGain(draft: Draft, volume: VolumeDraft): boolean {
  const { cluster, limits } = draft
  if (volume.sealedBytes === 0) return false
  const { collisions } = draft.tally(volume)
  if (collisions > fewestCollisions(volume.wanted, cluster.zonesCount)) return true
  const least = Math.min(...cluster.up.map(useOf))
  return volume.replicas.some(({ server }) => isFuller(cluster.server(server), least, limits.balanceFrom))
}

const isFuller = (server: ServerState, use: number, by: number): boolean =>
  server.isUp && useOf(server) - use >= by

/** Copies spread as evenly over the zones as they can be. */
function fewestCollisions(copies: number, zones: number): number {
  const each = Math.floor(copies / zones)
  const one = copies % zones
  return one * (each + 1) * each + (zones - one) * each * (each - 1)
}

function bestMove(draft: Draft, volume: VolumeDraft, ways: readonly Way[]): Move | null {
  const { cluster, limits } = draft
  const zones = zonesOf(cluster, volume)
  let best: Move | null = null
  for (const replica of volume.replicas) {
    const server = cluster.server(replica.server)
    if (!server.isUp) continue
    for (const way of ways) {
      const { target } = way
      const collisions = collisionsChange(zones, server.view.zone, target.view.zone)
      const use =
        useChangeOf({ server, bytes: -volume.sealedBytes }) +
        useChangeOf({ server: target, bytes: volume.sealedBytes })
      const isBalance = use < 0 && isFuller(server, useOf(target), limits.balanceFrom)
      if (collisions > 0 || (collisions === 0 && !isBalance)) continue
      if (best === null || (collisions - best.collisions || use - best.use) < 0)
        best = { replica, way, collisions, use }
    }
  }
  return best
}

/** n²−n of both zones, after against before. */
function collisionsChange(zones: ReadonlyMap<string, number>, from: string, to: string): number {
  if (from === to) return 0
  return 2 * (zones.get(to) ?? 0) - 2 * ((zones.get(from) ?? 0) - 1)
}
