/**
 * The preferred coordinator: the one that the master names when asked for one. It stays while it is alive, so that
 * clients that ask twice get the same answer; it changes at once when it is suspect.
 */
import { type Liveness } from '@dfs/protocol'

export interface Coordinator {
  readonly server: number
  readonly liveness: Liveness
  /** Whether it reaches enough peers, and has room, to take writes (R18). */
  readonly canWrite: boolean
}

/** The next preferred coordinator, given the present one; null if no server is alive. */
export function choosePreferred(present: number | null, coordinators: readonly Coordinator[]): number | null {
  const alive = aliveCoordinators(coordinators)
  const stays = alive.some(({ server }) => server === present)
  return stays ? present : (alive[0]?.server ?? null)
}

/** Those that are alive and can take writes, by id; if none can, all that are alive, since they serve reads. */
export function aliveCoordinators(coordinators: readonly Coordinator[]): Coordinator[] {
  const alive = coordinators
    .filter(({ liveness }) => liveness === 'alive')
    .toSorted((a, b) => a.server - b.server)
  const writers = alive.filter(({ canWrite }) => canWrite)
  return writers.length > 0 ? writers : alive
}
