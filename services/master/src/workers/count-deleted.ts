/** Takes what recursively deleted directories held out of the totals, part by part. */
import { type BackgroundWorker, type SpaceWatch } from '@dfs/core'
import { type Upkeep } from '../metadata/store.ts'

export interface CountDeletedDeps {
  readonly store: Pick<Upkeep, 'countDeleted'>
  readonly space: Pick<SpaceWatch, 'isFull'>
  readonly everyMs: number
}

export const countDeleted = ({ store, space, everyMs }: CountDeletedDeps): BackgroundWorker => ({
  name: 'count-deleted',
  priority: 1,
  unit: 'items',
  progress: () => null,
  /** The store bounds it. One at a time: requests go first. */
  async step() {
    if (space.isFull) return { idleMs: everyMs, why: 'the disk is full' }
    const isMoreLeft = await store.countDeleted()
    const why = isMoreLeft ? 'the next part comes soon, requests go first' : 'all is counted'
    return { idleMs: everyMs, why }
  },
})
