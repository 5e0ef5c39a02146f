/** What happens to messages on their way from one node to another: data, which a fault plan changes. Each way has its own. */
import { type SimRandom } from '../random.ts'

export interface Link {
  readonly latencyMinMs: number
  readonly latencyMaxMs: number
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
  latencyMinMs: 0.05,
  latencyMaxMs: 1,
  bytesPerMs: 100_000,
  lossRatio: 0,
  duplicateRatio: 0,
  reorderRatio: 0,
  reorderMs: 20,
  isCut: false,
})

/** Milliseconds that a message of `bytes` takes; mostly near the least. */
export function latencyMs(link: Link, bytes: number, random: SimRandom): number {
  const { latencyMinMs, latencyMaxMs, bytesPerMs, reorderRatio, reorderMs } = link
  const spreadMs = (latencyMaxMs - latencyMinMs) * random.fraction() ** 3
  return latencyMinMs + spreadMs + bytes / bytesPerMs + (random.chance(reorderRatio) ? reorderMs : 0)
}
