/**
 * Preconditions (RFC 9110 §13), decided against what stands at the path in the commit's own transaction: a file or link, or
 * nothing.
 */
import { type CommandFailure, failure, formatEtag, type Precondition } from '@dfs/protocol'
import { type Entry } from '../rows.ts'

export function refusePrecondition(
  { ifMatch, ifNoneMatch, unmodifiedSinceMs }: Precondition,
  entry: Entry | undefined,
): CommandFailure | null {
  const version = entry?.version ?? null
  const current = version === null ? 'nothing is there' : `the current version is ${formatEtag(version)}`
  if (ifMatch !== null && !matches(ifMatch, version)) {
    return failure('PRECONDITION_FAILED', `If-Match does not hold: ${current}`)
  }
  if (ifNoneMatch !== null && matches(ifNoneMatch, version)) {
    return failure('PRECONDITION_FAILED', `If-None-Match does not hold: ${current}`)
  }
  if (unmodifiedSinceMs !== undefined && wholeSeconds(entry?.modified_ms ?? 0) > unmodifiedSinceMs) {
    return failure('PRECONDITION_FAILED', 'it was modified since that date')
  }
  return null
}

/** HTTP's dates have no fractions. */
const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000

const matches = (condition: '*' | readonly number[], version: number | null): boolean =>
  version !== null && (condition === '*' || condition.includes(version))
