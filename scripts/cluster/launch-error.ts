/** An expected reason why the launcher cannot go on; its message is all that the user gets to see, so it says what to do. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError'
}

/** The `code` of a system error (`EACCES`, …), or the empty string. */
export function systemCodeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
