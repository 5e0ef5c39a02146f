/**
 * The directory a local cluster lives in: made when missing, refused when it is something else, and held by one launcher
 * at a time. What it holds is found by looking at it; there is no file that describes it and could be wrong.
 */
import { accessSync, constants, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectoryDurably } from '@dfs/node-runtime'
import { DirectoryLock } from './directory-lock.ts'
import { LaunchError, systemCodeOf } from './launch-error.ts'

/** Names that a launcher or a service makes here. */
const OURS = /^(cluster\.key.*|master|gateway|chunk-server-[1-9]|logs|launcher\.lock.*)$/
/** Names that mean nothing: an otherwise empty directory may have them. */
const NEUTRAL = /^(\..*|lost\+found)$/

export interface DataDirectory {
  /** Absolute. */
  readonly path: string
  /** The highest number of a chunk server that has data here; 0 in a new directory. */
  readonly chunkServersKnown: number
  /** Whether the launcher before this one ended without stopping its services. */
  readonly wasLeftRunning: boolean
  readonly lock: DirectoryLock
}

/** Makes, checks and locks the directory; {@link LaunchError} says why it cannot be used. */
export function openDataDirectory(path: string): DataDirectory {
  const names = entriesOf(path)
  const foreign = names.find((name) => !OURS.test(name) && !NEUTRAL.test(name))
  const isCluster = names.some((name) => OURS.test(name))
  if (foreign !== undefined && !isCluster) {
    throw new LaunchError(
      `${path} holds no cluster but other things (${foreign}): name an empty or a new directory with --data`,
    )
  }
  if (highestNumber(names) > 0 && !names.includes('master')) {
    throw new LaunchError(
      `${path} has the chunk servers of a cluster without its master: put master/ back, ` +
        'or name another directory with --data',
    )
  }
  const lock = DirectoryLock.take(path)
  mkdirSync(join(path, 'logs'), { recursive: true })
  return { path, chunkServersKnown: highestNumber(names), wasLeftRunning: lock.wasLeftHeld, lock }
}

function entriesOf(path: string): string[] {
  try {
    makeDirectoryDurably(path, { mode: 0o777 })
    const names = readdirSync(path)
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return names
  } catch (error) {
    throw new LaunchError(unusable(path, systemCodeOf(error)), { cause: error })
  }
}

function unusable(path: string, code: string): string {
  const reasons: Record<string, string> = {
    EACCES: 'may not be written by you',
    EPERM: 'may not be written by you',
    EROFS: 'is on a read-only file system',
    EEXIST: 'is a file, not a directory',
    ENOTDIR: 'has a file where a directory should be',
    ENOSPC: 'cannot be made: the disk is full',
  }
  return `${path} ${reasons[code] ?? `cannot be used (${code})`}: name another directory with --data`
}

function highestNumber(names: readonly string[]): number {
  const numbers = names.map((name) => Number(/^chunk-server-([1-9])$/.exec(name)?.[1] ?? 0))
  return Math.max(0, ...numbers)
}
