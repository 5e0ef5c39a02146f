/** Looks how much room the disk has, so that changes are refused before it is full, and taken again when it has room. */
import { type BackgroundWorker, DiskError, type Runtime, type SpaceWatch } from '@dfs/core'
import { lookAtDisk } from '../disk-space.ts'

export interface WatchSpaceDeps {
  readonly runtime: Pick<Runtime, 'disk' | 'log'>
  readonly space: SpaceWatch
  readonly everyMs: number
}

export const watchingSpace = ({ runtime, space, everyMs }: WatchSpaceDeps): BackgroundWorker => ({
  name: 'watch-space',
  priority: 0,
  unit: 'items',
  progress: () => null,
  async step() {
    try {
      await lookAtDisk(runtime.disk, space)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      runtime.log.warn({ err: error }, 'the disk does not say how much room it has')
      return { idleMs: everyMs, why: 'the disk does not answer', failure: error }
    }
    return { idleMs: everyMs, why: space.isFull ? 'the disk is full' : 'the disk has room' }
  },
})
