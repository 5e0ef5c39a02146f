/**
 * Volumes that the planner has yet to look at. A death touches thousands at once, and a turn has room for two thousand: those with the
 * fewest whole copies are looked at first, and of equal ones those that have waited longest, without sorting any.
 */
import { assert } from '@dfs/core'
import { isWhole } from './tally.ts'
import { type VolumeView } from './view.ts'

/** Nothing is missing: surplus copies, moves. */
const LEAST_URGENT = 8
/** Of a turn, what each urgency gets at the least: some wait without an end, thousands that are lost for instance, and come again each turn. */
const SHARE = 1 / 16

export class DirtyVolumes {
  /** By urgency; a set keeps the order in which they came. */
  readonly #queues: readonly Set<number>[] = Array.from({ length: LEAST_URGENT + 1 }, () => new Set<number>())
  readonly #urgencies = new Map<number, number>()

  get size(): number {
    return this.#urgencies.size
  }

  /** One that is there already keeps its place, unless it has become more urgent. */
  add(volume: number, urgency: number): void {
    assert(urgency >= 0 && urgency <= LEAST_URGENT, `${urgency} is an urgency`)
    const before = this.#urgencies.get(volume)
    if (before !== undefined && before <= urgency) return
    if (before !== undefined) this.#queues[before]!.delete(volume)
    this.#urgencies.set(volume, urgency)
    this.#queues[urgency]!.add(volume)
  }

  /** Takes out at most so many, the most urgent first; of each urgency some. */
  take(countMax: number): number[] {
    const taken: number[] = []
    const shares = this.#queues.map(({ size }) => Math.min(size, Math.floor(countMax * SHARE)))
    let forOthers = shares.reduce((sum, share) => sum + share, 0)
    for (const [urgency, queue] of this.#queues.entries()) {
      forOthers -= shares[urgency]!
      for (const volume of queue) {
        if (taken.length >= countMax - forOthers) break
        queue.delete(volume)
        this.#urgencies.delete(volume)
        taken.push(volume)
      }
    }
    return taken
  }
}

/** Its whole copies on servers that are alive, if they are fewer than wanted. */
export function urgencyOf(
  { replicas, wanted }: Pick<VolumeView, 'replicas' | 'wanted'>,
  isAlive: (server: number) => boolean,
): number {
  let whole = 0
  for (const replica of replicas) if (isWhole(replica) && isAlive(replica.server)) whole += 1
  return whole < wanted ? Math.min(whole, LEAST_URGENT) : LEAST_URGENT
}
