/**
 * A copy that is made from others is one like others as soon as it is whole, and its note then says so. Should that note never reach
 * the disk, or an older image of the disk come back, the master counts a copy of which the note says that it is being made:
 * nobody orders the rest, and nobody verifies it. So the master is asked about those that it does not order; one that it counts
 * is a copy like others from then on, verified, and mended if something is missing.
 */
import {
  type BackgroundWorker,
  type Clock,
  DiskError,
  type Log,
  type StepResult,
  TransportError,
} from '@dfs/core'
import { DfsError, findCopies, formatId } from '@dfs/protocol'
import { isBeingCopied } from '@dfs/volume'
import { type CopyJobs } from '../copying/copy-jobs.ts'
import { type MasterSession } from '../master/master-session.ts'
import { type VolumeCopy } from '../volume/volume-copy.ts'
import { type VolumeStore } from '../volume/volume-store.ts'

const IDLE_MS = 1000
/** An order comes within a few heartbeats, unless there is nobody to copy from. */
const ASK_AFTER_MS = 10_000
const ASK_TIMEOUT_MS = 2000

export interface CountedCopiesDeps {
  readonly clock: Clock
  readonly log: Log
  readonly store: Pick<VolumeStore, 'all' | 'noteChange'>
  readonly copyJobs: Pick<CopyJobs, 'has'>
  readonly session: Pick<MasterSession, 'callCurrent'>
}

export function countedCopies(deps: CountedCopiesDeps): BackgroundWorker {
  const { clock, store, copyJobs } = deps
  /** When the master is asked about a volume. */
  const askAtMs = new Map<number, number>()
  return {
    name: 'counted-copies',
    priority: 0,
    unit: 'items',
    progress: () => null,
    async step(): Promise<StepResult> {
      const nowMs = clock.monotonicMs()
      const unordered = store
        .all()
        .filter(({ state }) => isBeingCopied(state) && !copyJobs.has(state.order.volume))
      const volumes = new Set(unordered.map(({ state }) => state.order.volume))
      for (const volume of askAtMs.keys()) if (!volumes.has(volume)) askAtMs.delete(volume)
      for (const volume of volumes) if (!askAtMs.has(volume)) askAtMs.set(volume, nowMs + ASK_AFTER_MS)
      const copy = unordered.find(({ state }) => askAtMs.get(state.order.volume)! <= nowMs)
      if (copy === undefined) return { idleMs: IDLE_MS, why: whyIdle(volumes.size) }
      askAtMs.set(copy.state.order.volume, nowMs + ASK_AFTER_MS)
      return { did: (await takeUp(copy, deps)) ? 1 : 0 }
    },
  }
}

const whyIdle = (waiting: number): string =>
  waiting === 0
    ? 'every copy that is being made is ordered'
    : `copies that are being made and are not ordered: ${waiting}`

/** Whether it is one like others from now on. */
async function takeUp(copy: VolumeCopy, { session, store, log }: CountedCopiesDeps): Promise<boolean> {
  const { order, replica } = copy.state
  const { volume } = order
  try {
    const { copies } = await session.callCurrent(findCopies, { volume }, { timeoutMs: ASK_TIMEOUT_MS })
    if (!copies.some((counted) => counted.replica === replica)) return false
    await copy.filling.end()
  } catch (error) {
    if (!(error instanceof DfsError || error instanceof TransportError || error instanceof DiskError))
      throw error
    log.debug({ volume: formatId(volume), replica, err: error }, 'a copy that is not ordered stays as it is')
    return false
  }
  store.noteChange(volume)
  log.warn(
    { volume: formatId(volume), replica },
    'a copy that counts was noted as being made: it is verified',
  )
  return true
}
