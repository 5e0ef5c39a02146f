/** How SQLite says that the disk has no room. */
const SQLITE_FULL = 13

export const isDiskFull = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && error.errcode === SQLITE_FULL
