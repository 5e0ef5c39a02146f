/** Exponential back-off with full jitter, so that clients that failed together do not come back together. */
import { type Random } from './random.ts'

export interface BackoffLimits {
  readonly firstMs: number
  readonly msMax: number
}

/** Milliseconds to wait before attempt `attempt` (1 is the first retry): uniform in (0, min(msMax, firstMs·2^(attempt-1))]. */
export function backoffMs(attempt: number, limits: BackoffLimits, random: Random): number {
  const ceiling = Math.min(limits.msMax, limits.firstMs * 2 ** Math.min(30, attempt - 1))
  return 1 + random.int(Math.max(1, Math.floor(ceiling)))
}
