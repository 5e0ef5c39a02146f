/**
 * Drops faults from a plan that fails while it still fails (delta debugging after Zeller): first halves, then quarters, down to
 * single faults. What a fault draws follows from its own number, so the others stay as they were.
 */
import { type Fault } from '../faults/fault-plan.ts'
import { runPlan, type SeedPlan } from '../run/run-seed.ts'
import { describeError } from './describe-error.ts'

export interface Shrunk {
  readonly faults: readonly Fault[]
  /** How the shortest plan fails. */
  readonly reason: string
}

/** Why a plan fails, or null where it does not. */
type Try = (faults: readonly Fault[]) => Promise<string | null>

export async function shrinkPlan(plan: SeedPlan, say: (text: string) => void): Promise<Shrunk> {
  const attempt: Try = async (faults) => {
    try {
      await runPlan({ ...plan, faults })
      return null
    } catch (error) {
      return describeError(error)
    }
  }
  return shrinkFaults(plan.faults, attempt, say)
}

/** `faults` must fail. Where no run fails any more it is not the faults that matter. */
export async function shrinkFaults(
  all: readonly Fault[],
  attempt: Try,
  say: (text: string) => void,
): Promise<Shrunk> {
  let shortest: Shrunk = { faults: all, reason: (await attempt(all)) ?? 'it does not fail any more' }
  for (let size = Math.ceil(all.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < shortest.faults.length;) {
      const faults = shortest.faults.toSpliced(from, size)
      const reason = await attempt(faults)
      if (reason === null) from += size
      else shortest = { faults, reason }
      say(`${faults.length} faults: ${reason === null ? 'holds' : 'fails'}`)
    }
  }
  return shortest
}
