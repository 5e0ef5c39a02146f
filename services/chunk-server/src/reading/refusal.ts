/**
 * Why a read is refused, and for how long. It says whose copies there were, by name, and what was the matter with each.
 *
 * Bytes are *lost* if each copy that the master knows of is on a server that the master has given up, or was asked and is not
 * there or wrong: then another try a second later is of no use, and the client should hear so at once. As long as one of them is
 * on a server that is only silent, as while it restarts, the refusal is that of a moment, and a client tries again.
 */
import { DiskError } from '@dfs/core'
import { DfsError, type ErrorCode, type FilePath } from '@dfs/protocol'
import { type ServerDirectory } from '../master/server-directory.ts'
import { type Step } from './file-stream.ts'

/** What became of asking one copy. */
export interface Trouble {
  /** It was asked, and has not got the right bytes. */
  readonly hasSaidNo: boolean
  /** For people. */
  readonly trouble: string
}

export interface RefusedRead {
  readonly path: FilePath
  readonly step: Step
  /** By server; without those that were not asked in time. */
  readonly troubles: ReadonlyMap<number, Trouble>
}

/** Answers of a holder after which nothing better is to be expected of it. */
const SAYS_NO: ReadonlySet<ErrorCode> = new Set(['VOLUME_NOT_FOUND', 'BEYOND_LENGTH', 'DAMAGED'])

/** Whether a copy that gave `error` (null: wrong bytes) was asked and has not got the bytes. */
export const hasSaidNo = (error: Error | null): boolean =>
  error === null || error instanceof DiskError || (error instanceof DfsError && SAYS_NO.has(error.code))

export function refusalOf({ path, step, troubles }: RefusedRead, directory: ServerDirectory): DfsError {
  const { chunk, servers, lostOn, from, to } = step
  const isLost = servers.every(
    (server) => directory.isDead(server) || troubles.get(server)?.hasSaidNo === true,
  )
  const stories = [
    ...servers.map((server) => storyOf(server, troubles.get(server), directory)),
    ...lostOn.map((server) => `${directory.nameOf(server)} has started without its copy`),
  ]
  const bytes = `bytes ${chunk.start + from} to ${chunk.start + to}`
  const detail = `${path}: no copy of ${bytes} can be read: ${stories.join('; ') || 'there is none'}`
  return new DfsError('DATA_UNAVAILABLE', detail, { isLost })
}

function storyOf(server: number, trouble: Trouble | undefined, directory: ServerDirectory): string {
  const name = directory.nameOf(server)
  const what = trouble?.trouble ?? 'it was not asked in time'
  if (trouble?.hasSaidNo !== true && directory.isDead(server)) return `${name} is dead (${what})`
  return directory.isReplaced(server) ? `${name} runs on another disk now (${what})` : `${name}: ${what}`
}
