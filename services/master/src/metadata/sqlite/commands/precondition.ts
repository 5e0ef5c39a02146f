/**
 * Preconditions (RFC 9110 §13), decided against what stands at the path in the commit's own transaction. `version` is that
 * of the file or link there, or null where there is none.
 */
import { type CommandFailure, failure, formatEtag, type Precondition } from '@dfs/protocol'

export function refusePrecondition(
  { ifMatch, ifNoneMatch }: Precondition,
  version: number | null,
): CommandFailure | null {
  const current = version === null ? 'nothing is there' : `the current version is ${formatEtag(version)}`
  if (ifMatch !== null && !matches(ifMatch, version)) {
    return failure('PRECONDITION_FAILED', `If-Match does not hold: ${current}`)
  }
  if (ifNoneMatch !== null && matches(ifNoneMatch, version)) {
    return failure('PRECONDITION_FAILED', `If-None-Match does not hold: ${current}`)
  }
  return null
}

const matches = (condition: '*' | readonly number[], version: number | null): boolean =>
  version !== null && (condition === '*' || condition.includes(version))
