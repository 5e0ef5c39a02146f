/** What happens to messages on their way from one node to another: data, which a fault plan changes. Each way has its own. */
import { type SimRandom } from '../random.ts'

export interface Link {
  readonly latencyMsMin: number
  readonly latencyMsMax: number
  readonly bytesPerMs: number
  /** The share of messages that never arrive. */
  readonly lossRatio: number
  /** The share of requests that arrive twice. */
  readonly duplicateRatio: number
  /** The share of messages that take `reorderMs` longer, so that later ones overtake them. */
  readonly reorderRatio: number
  readonly reorderMs: number
  /** Nothing passes. Cut one way only, requests may arrive whose answers do not. */
  readonly isCut: boolean
}

export const HEALTHY_LINK: Link = Object.freeze({
  latencyMsMin: 0.05,
  latencyMsMax: 1,
  bytesPerMs: 100_000,
  lossRatio: 0,
  duplicateRatio: 0,
  reorderRatio: 0,
  reorderMs: 20,
  isCut: false,
})

/** Milliseconds that a message of `bytes` takes; mostly near the least. */
export function latencyMs(link: Link, bytes: number, random: SimRandom): number {
  const { latencyMsMin, latencyMsMax, bytesPerMs, reorderRatio, reorderMs } = link
  const spreadMs = (latencyMsMax - latencyMsMin) * random.fraction() ** 3
  return latencyMsMin + spreadMs + bytes / bytesPerMs + (random.chance(reorderRatio) ? reorderMs : 0)
}
