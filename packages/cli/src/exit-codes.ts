/** How the program ends, and which failure leads to which end. */
import { DfsError, ERRORS } from '@dfs/protocol'

export const EXIT = Object.freeze({
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unreachable: 4,
  conflict: 5,
  interrupted: 130,
})

export const EXIT_CODES: readonly (readonly [number, string])[] = [
  [EXIT.ok, 'everything was done'],
  [EXIT.failed, 'something failed: one of several entries, or for a reason not listed here'],
  [EXIT.usage, 'the command line makes no sense; nothing was done'],
  [EXIT.notFound, 'what was named does not exist'],
  [EXIT.unreachable, 'the cluster cannot be reached, cannot serve now, or the outcome is unknown'],
  [EXIT.conflict, 'something else stands there already, is locked, or a precondition does not hold'],
  [EXIT.interrupted, 'interrupted by Ctrl-C or a signal'],
]

/** A command line that makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The exit code for a failure that ends a command about one thing. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage
  if (isLocalError(error)) return error.code === 'ENOENT' ? EXIT.notFound : EXIT.failed
  if (!(error instanceof DfsError)) return EXIT.failed
  if (error.code === 'INVALID_PATH') return EXIT.usage
  const { status } = ERRORS[error.code]
  if (status === 404) return EXIT.notFound
  if (status === 503 || status === 504) return EXIT.unreachable
  if (status === 409 || status === 412 || status === 423) return EXIT.conflict
  return EXIT.failed
}

/** An error of the local file system. */
export function isLocalError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'
}
