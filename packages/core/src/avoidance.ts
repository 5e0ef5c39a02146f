/**
 * For how long one that failed is left aside while there are others: twice as long after each further failure in a row, so
 * that a server that is down costs a try now and then, and one that only stumbled is soon asked again. Forgetting an
 * avoidance, after a success, is the caller's: the next failure counts as the first one again. Without chance, unlike
 * {@link backoffMs}: nobody waits for it to end.
 */
import { type BackoffLimits } from './backoff.ts'

export interface Avoidance {
  readonly forMs: number
  readonly untilMs: number
}

/** After a failure at `nowMs`. While one lasts, further failures are no news: they come of calls that had begun before. */
export function avoidLonger(
  before: Avoidance | undefined,
  { firstMs, msMax }: BackoffLimits,
  nowMs: number,
): Avoidance {
  if (before !== undefined && isAvoided(before, nowMs)) return before
  const forMs = Math.min(msMax, before === undefined ? firstMs : 2 * before.forMs)
  return { forMs, untilMs: nowMs + forMs }
}

export const isAvoided = (avoidance: Avoidance | undefined, nowMs: number): boolean =>
  avoidance !== undefined && avoidance.untilMs > nowMs
