/** Tries once more to read the copies that could not be read at the start: one after the other, now and then. */
import { type BackgroundWorker } from '@dfs/core'
import { type VolumeStore } from '../volume/volume-store.ts'

const IDLE_MS = 1000

export const lookAgain = (store: VolumeStore): BackgroundWorker => ({
  name: 'look-again',
  priority: 0,
  unit: 'items',
  progress: () => null,
  /** One copy, whole: where its records end is known only when all of it was read. */
  async step(_budget, signal) {
    const before = store.unreadableCount
    if (await store.lookAgain(signal)) return { did: 1 }
    const left = store.unreadableCount
    const why =
      left === 0 ? 'every copy can be read' : `copies that cannot be read are tried again later: ${left}`
    return { did: before - left, idleMs: IDLE_MS, why }
  },
})
