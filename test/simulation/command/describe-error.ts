/** What went wrong, and what caused it, for people. */

const CAUSES_MAX = 8

export function describeError(error: unknown): string {
  const lines: string[] = []
  for (let at = error, count = 0; at !== undefined && count < CAUSES_MAX; count += 1) {
    lines.push(`${count === 0 ? '' : 'caused by '}${nameOf(at)}`)
    at = at instanceof Error ? at.cause : undefined
  }
  return lines.join('\n')
}

/** A broken promise explains itself; of anything else the place counts. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.name === 'BrokenPromise' ? error.message : (error.stack ?? error.message)
}
