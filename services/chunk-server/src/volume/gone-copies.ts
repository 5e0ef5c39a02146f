/** A copy may be dropped while work on it is under way: that ends the work, and is no failure. */
import { DfsError } from '@dfs/protocol'

export const isGone = (error: unknown): boolean =>
  error instanceof DfsError && error.code === 'VOLUME_NOT_FOUND'

/** The value, or null if the copy has gone meanwhile. */
export async function unlessGone<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work
  } catch (error) {
    if (!isGone(error)) throw error
    return null
  }
}
