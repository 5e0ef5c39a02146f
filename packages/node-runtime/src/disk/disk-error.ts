/** Turns what the kernel says into the kinds of failure that callers tell apart. */
import { DiskError, type DiskErrorKind } from '@dfs/core'

const KINDS: Readonly<Record<string, DiskErrorKind>> = Object.freeze({
  ENOENT: 'missing',
  EEXIST: 'exists',
  ENOSPC: 'full',
  EDQUOT: 'full',
})

/** Runs one operation on the disk; whatever it throws comes out as a {@link DiskError} that names operation and file. */
export async function withDiskErrors<T>(what: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toDiskError(what, name, error)
  }
}

export function toDiskError(what: string, name: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error
  const { code } = error as NodeJS.ErrnoException
  const reason = code ?? String(error)
  return new DiskError(KINDS[reason] ?? 'io', `${what} "${name}": ${reason}`, { cause: error })
}
