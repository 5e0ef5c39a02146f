/** What one run did: plain data, which workers hand over and the summary adds up. */
import { type History, type Outcome } from '@dfs/linearizability'
import { type CopyingFigures } from '../ledger/copying-counts.ts'
import { GAVE_UP } from './recording-client.ts'

export interface RunReport {
  readonly seed: string
  readonly trace: string
  readonly virtualMs: number
  readonly events: number
  /** By kind of operation and outcome, as in `put 200` or `read refused`. */
  readonly operations: Readonly<Record<string, number>>
  readonly acknowledgedWrites: number
  /** Faults that have happened, by kind; those that found nothing to harm, hit or hold up are not counted. */
  readonly faults: Readonly<Record<string, number>>
  /** Disk operations that a fault has answered. */
  readonly diskHits: number
  readonly volumes: number
  readonly seals: number
  /** Volumes that held nothing and were deleted. */
  readonly deletions: number
  /** Logs that were taken off disks. */
  readonly drops: number
  /** Copies of deleted volumes that servers have said they have. */
  readonly turnedUp: number
  /** What was done to copies of volumes that stay. */
  readonly copies: CopyingFigures & {
    /** Records that a server of which a copy was made had wrong. */
    readonly wrongAtSources: number
  }
  readonly restarts: number
  readonly repeatedRequests: number
  /** Writes that were answered with what an earlier one under their idempotency key has done. */
  readonly replays: number
  /** Pieces in pooled buffers that a client had for a time before it took them. */
  readonly heldPieces: number
  readonly checks: number
}

export function countOperations(history: History): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { operation, outcome } of history) {
    const key = `${operation.kind} ${howItEnded(outcome)}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

function howItEnded(outcome: Outcome): string {
  if (outcome.kind === 'answered') return String(outcome.status)
  return outcome.kind === 'unknown' && outcome.reason === GAVE_UP ? 'given up' : outcome.kind
}

export const countAcknowledgedWrites = (history: History): number =>
  history.filter(
    ({ operation, outcome }) =>
      operation.kind === 'put' && outcome.kind === 'answered' && outcome.status < 300,
  ).length
