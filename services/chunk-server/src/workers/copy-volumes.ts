/**
 * Makes the copies that the master has ordered, two at a time: each of two workers in a lane of its own goes on with the most
 * urgent one that the other is not at. So a source that keeps one of them waiting does not hold up all, and neither stands behind
 * the verification of whole copies.
 */
import { type BackgroundWorker, type Clock, type StepResult } from '@dfs/core'
import { formatId } from '@dfs/protocol'
import { type ClientLoad } from '../copying/client-load.ts'
import { type CopyJobs } from '../copying/copy-jobs.ts'
import { CopyThrottle } from '../copying/copy-throttle.ts'

export interface CopyVolumesDeps {
  readonly clock: Clock
  readonly copyJobs: CopyJobs
  readonly clientLoad: Pick<ClientLoad, 'level' | 'noteBackground'>
}

const NAMES = ['copy-volumes', 'copy-volumes-2']

export function copyVolumes({ clock, copyJobs, clientLoad }: CopyVolumesDeps): BackgroundWorker[] {
  const throttle = new CopyThrottle({ clock, load: clientLoad })
  /** What all of them have done is rested for by all. */
  let restsToMs = -Infinity
  return NAMES.map((name): BackgroundWorker => {
    const worker = {}
    return {
      name,
      priority: 0,
      unit: 'bytes',
      progress: () => copyJobs.progressOf(worker),
      async step(budget, signal): Promise<StepResult> {
        const next = copyJobs.next(worker)
        if (next.job === null) return { idleMs: next.idleMs, why: next.why }
        const { job } = next
        const why = `volume ${formatId(job.order.volume)}: it leaves the disk to others`
        const fromMs = clock.monotonicMs()
        const { isCheck } = job
        if (fromMs < restsToMs) return { idleMs: restsToMs - fromMs, why }
        const bytes = await job.step(budget, signal)
        copyJobs.noteStep(job)
        clientLoad.noteBackground()
        const nowMs = clock.monotonicMs()
        const { priority } = job.order
        restsToMs = Math.max(
          restsToMs,
          nowMs + throttle.restMs({ bytes, isCheck, tookMs: nowMs - fromMs, priority }),
        )
        return { did: bytes, idleMs: Math.max(0, restsToMs - nowMs), why }
      },
    }
  })
}
