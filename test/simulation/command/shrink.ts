/**
 * Drops faults from a plan that fails while it still fails (delta debugging after Zeller): first halves, then quarters, down to
 * single faults. What a fault draws follows from its own number, so the others stay as they were.
 */
import { type Fault } from '../faults/fault-plan.ts'
import { type SeedPlan } from '../run/run-seed.ts'
import { attempt, type FailureKind } from './attempt.ts'

export interface Shrunk {
  readonly faults: readonly Fault[]
  /** How the shortest plan fails. */
  readonly reason: string
}

/** Why a plan fails, or null where it does not. */
type Try = (faults: readonly Fault[]) => Promise<string | null>

/** `kind` is how the whole plan fails; only what fails in the same way counts. */
export async function shrinkPlan(
  plan: SeedPlan,
  kind: FailureKind,
  say: (text: string) => void,
): Promise<Shrunk> {
  const tryFaults: Try = async (faults) => {
    const outcome = await attempt({ ...plan, faults }, { isTwice: kind === 'not repeatable' })
    return outcome.ok || outcome.kind !== kind ? null : outcome.reason
  }
  return shrinkFaults(plan.faults, tryFaults, say)
}

/** `faults` must fail. Where no run fails any more it is not the faults that matter. */
export async function shrinkFaults(
  all: readonly Fault[],
  tryFaults: Try,
  say: (text: string) => void,
): Promise<Shrunk> {
  let shortest: Shrunk = { faults: all, reason: (await tryFaults(all)) ?? 'it does not fail any more' }
  for (let size = Math.ceil(all.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < shortest.faults.length;) {
      const faults = shortest.faults.toSpliced(from, size)
      const reason = await tryFaults(faults)
      if (reason === null) from += size
      else shortest = { faults, reason }
      say(`${faults.length} faults: ${reason === null ? 'holds' : 'fails'}`)
    }
  }
  return shortest
}
