/** A data directory whose name survives a power cut: the directories above it are synced if it had to be made. */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

export interface DirectoryOptions {
  /** Permissions of what is made; by default nobody else may look into it. */
  readonly mode?: number
  readonly sync?: (directory: string) => void
}

/** Makes `directory` and its parents if they are missing; durable on return. */
export function makeDirectoryDurably(
  directory: string,
  { mode = 0o700, sync = syncDirectory }: DirectoryOptions = {},
): void {
  const firstMade = mkdirSync(directory, { recursive: true, mode })
  if (firstMade === undefined) return
  const last = dirname(resolve(firstMade))
  let parent = resolve(directory)
  do {
    parent = dirname(parent)
    sync(parent)
  } while (parent !== last)
}

function syncDirectory(directory: string): void {
  // Windows cannot open a directory, and keeps names by itself.
  if (process.platform === 'win32') return
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
