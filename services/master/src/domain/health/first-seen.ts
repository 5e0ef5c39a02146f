/**
 * Since when a reason holds: when this start of the master first saw it, as long as it was there each time that anybody looked.
 * A worker looks all the time, so that does not depend on who asks.
 */
import { type HealthReason, type HealthView } from '@dfs/protocol'

export class FirstSeen {
  #sinceMs = new Map<string, number>()

  /** The same view, with the moments of those reasons that do not know theirs. Reasons that are gone are forgotten. */
  complete(view: HealthView): HealthView {
    const known = this.#sinceMs
    this.#sinceMs = new Map(
      view.reasons.map((reason) => [keyOf(reason), known.get(keyOf(reason)) ?? view.atMs]),
    )
    const reasons = view.reasons.map((reason) => ({
      ...reason,
      sinceMs: reason.sinceMs ?? this.#sinceMs.get(keyOf(reason))!,
    }))
    return { ...view, reasons }
  }
}

const keyOf = ({ code, copies }: HealthReason): string => `${code} ${copies ?? ''}`
