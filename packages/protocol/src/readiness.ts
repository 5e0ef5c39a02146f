/** What a node says about itself at `/readyz`, and the words for copies that writes do not get. */
import { type ClusterSettings, type ServerInfo } from './nodes/membership.ts'

export interface Readiness {
  /** Null when it is ready. */
  readonly whyNot: string | null
  /** What is not as it should be although it serves; null if nothing is. */
  readonly missing: string | null
}

/** Servers that are named at most; the rest is counted. */
const NAMED_MAX = 3

/**
 * What the writes of this moment lack; null if they get all copies that were promised. `isAvoided` says of a server that
 * is alive whether it is left out all the same.
 */
export function missingCopies(
  servers: readonly ServerInfo[],
  { replicas, minReplicas }: Pick<ClusterSettings, 'replicas' | 'minReplicas'>,
  isAvoided: (server: number) => boolean = () => false,
): string | null {
  const expected = servers.filter(({ mode }) => mode !== 'removed')
  const reasons = expected.map((server) => whyUnusable(server, isAvoided(server.id)))
  const unusable = reasons.filter((reason) => reason !== null)
  const usableCount = expected.length - unusable.length
  if (usableCount >= replicas) return null
  const why = unusable.length > 0 ? listed(unusable) : `${expected.length} chunk servers have registered`
  return usableCount < minReplicas
    ? `writes are refused, ${minReplicas} usable chunk servers are needed and there are ${usableCount}: ${why}`
    : `writes get ${usableCount} of ${replicas} copies: ${why}`
}

function whyUnusable({ name, liveness, isFull }: ServerInfo, isAvoided: boolean): string | null {
  if (liveness !== 'alive') return `${name} is ${liveness}`
  if (isFull) return `the disk of ${name} is full`
  return isAvoided ? `${name} cannot be reached` : null
}

function listed(reasons: readonly string[]): string {
  const rest = reasons.length - NAMED_MAX
  return reasons.slice(0, NAMED_MAX).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}
