/**
 * Which copies of a volume are good: the one place that says so. Receipts, look-ups, health, counts and explanations follow
 * from it (docs/adr/0019-the-truth-about-copies.md), and so does what a receipt promises at a commit (R23).
 *
 * A copy is good while its server is there, if it is open, or was verified up to the seal, or waits for that in the process
 * that has synced it and nothing was found wrong. Damaged and lost copies are not good, nor those that are being made or are
 * to be dropped, nor those that wait to be verified in another process than the one that has synced them: after a start of its
 * server a copy may be that of another disk, or shorter than it was.
 */
import { type Placement } from '../../metadata/cluster-store.ts'
import { type Replica, type Volume } from '../metadata/volume.ts'

/** What is known of the servers at this moment. */
export interface KnownServers {
  /** Whether this is the server's last registered incarnation. */
  isCurrent(made: Placement): boolean
  /**
   * Whether what is said of its copies holds now. For what is shown: it has reported in this start of the master, and is not
   * dead. For the receipt of a commit: it is not dead.
   */
  isThere(server: number): boolean
  zoneOf(server: number): string
}

export function isGood(copy: Replica, servers: KnownServers): boolean {
  return servers.isThere(copy.server) && isWhole(copy, servers)
}

function isWhole(copy: Replica, servers: KnownServers): boolean {
  switch (copy.state) {
    case 'open':
    case 'inSync':
      return true
    case 'unverified':
      return servers.isCurrent(copy.made) && !copy.isFoundDamaged
    case 'surplus':
      return copy.isVerified
    case 'damaged':
    case 'lost':
    case 'copying':
    case 'dropping':
      return false
  }
}

export const goodCopiesOf = (volume: Volume, servers: KnownServers): Replica[] =>
  volume.replicas.filter((copy) => isGood(copy, servers))

/** How well a volume, or a file, is kept. */
export interface Standing {
  /** Good copies. */
  readonly copies: number
  /** Zones that they are in. */
  readonly zones: number
}

export function standingOf(volume: Volume, servers: KnownServers): Standing {
  const good = goodCopiesOf(volume, servers)
  return { copies: good.length, zones: new Set(good.map(({ server }) => servers.zoneOf(server))).size }
}

/** The fewest copies and the fewest zones of any: what lies in several volumes is kept as well as its weakest part. */
export function weakest(standings: Iterable<Standing>): Standing {
  let [copies, zones] = [Infinity, Infinity]
  for (const standing of standings) {
    copies = Math.min(copies, standing.copies)
    zones = Math.min(zones, standing.zones)
  }
  return { copies, zones }
}
