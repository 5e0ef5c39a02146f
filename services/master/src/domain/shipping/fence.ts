/**
 * The fence: when a master that cannot place copies of its metadata acknowledges nothing more, since another one may have begun a
 * new history on them (R25; docs/adr/0021). Holders refuse a start of the master that is older than they have seen; so a master that most of
 * them obey is the newest. A start has no longer than that either: it may be that of an old disk, and something may start it again and
 * again. With fewer than three holders two servers would be less available than one: silence then says nothing, and
 * only their refusal counts.
 */
import { formatAmount } from '@dfs/core'
import { HOLDERS_WANTED, mostOf, reachedBy } from './quorum.ts'

/** Silence of most holders that is borne while there is something to place. */
export const FENCE_AFTER_MS = 5000

export interface HolderVoice {
  /** When the last call was sent that it has confirmed in this start; null if there is none. Monotonic, as all times here. */
  readonly confirmedAtMs: number | null
  /** Whether the last it has said is that it obeys a newer start. */
  readonly isRefusing: boolean
}

export interface FenceView {
  /** Those of the set that counts. */
  readonly holders: readonly HolderVoice[]
  /** Since when there is something that most of them lack; null if there is nothing. */
  readonly unplacedSinceMs: number | null
  readonly nowMs: number
  /** From how many holders on silence counts. */
  readonly from?: number
}

/** Why nothing may be acknowledged, for people; null if it may. */
export function whyFenced(view: FenceView): string | null {
  const { holders, unplacedSinceMs, nowMs, from = HOLDERS_WANTED } = view
  const most = mostOf(holders.length)
  const refusing = holders.filter(({ isRefusing }) => isRefusing).length
  if (most > 0 && refusing >= most) {
    return `a newer start of the master is obeyed by ${refusing} of ${formatAmount(holders.length, 'holder')} of the metadata's copies: changes are refused. Stop this master`
  }
  if (holders.length < Math.max(1, from) || unplacedSinceMs === null) return null
  const confirmedAtMs = reachedBy(
    holders.map((holder) => holder.confirmedAtMs ?? -1),
    most,
  )
  const aloneSinceMs = Math.max(confirmedAtMs, unplacedSinceMs)
  if (nowMs - aloneSinceMs < FENCE_AFTER_MS) return null
  const seconds = Math.floor((nowMs - aloneSinceMs) / 1000)
  return `for ${seconds} s fewer than ${most} of ${formatAmount(holders.length, 'holder')} of the metadata's copies have confirmed anything: changes are refused until they do`
}
