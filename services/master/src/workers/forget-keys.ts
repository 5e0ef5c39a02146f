/** Removes idempotency keys that are past their time. */
import { type BackgroundWorker, type SpaceWatch } from '@dfs/core'
import { type Upkeep } from '../metadata/store.ts'

export interface ForgetKeysDeps {
  readonly store: Pick<Upkeep, 'forgetKeys'>
  readonly space: Pick<SpaceWatch, 'isFull'>
  readonly everyMs: number
}

export const forgetKeys = ({ store, space, everyMs }: ForgetKeysDeps): BackgroundWorker => ({
  name: 'forget-keys',
  priority: 1,
  unit: 'items',
  progress: () => null,
  /** The store bounds it, to as many as a busy cluster brings in that time. */
  async step() {
    if (space.isFull) return { idleMs: everyMs, why: 'the disk is full' }
    const isMoreLeft = await store.forgetKeys()
    const why = isMoreLeft ? 'the next keys go soon, requests go first' : 'no key is past its time'
    return { idleMs: everyMs, why }
  },
})
