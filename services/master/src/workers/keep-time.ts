/** Writes cluster time down if no change has done so for a while (R21). */
import { type BackgroundWorker } from '@dfs/core'
import { type ClusterTime } from '../metadata/cluster-time.ts'

export interface KeepTimeDeps {
  readonly time: Pick<ClusterTime, 'keep'>
  readonly everyMs: number
}

export const keepTime = ({ time, everyMs }: KeepTimeDeps): BackgroundWorker => ({
  name: 'keep-time',
  priority: 1,
  unit: 'items',
  progress: () => null,
  async step() {
    await time.keep()
    return { idleMs: everyMs, why: 'the time is written down each minute at least' }
  },
})
