/** Gives a name to what a new history has found in the volumes, some at a time; what became of each is written down with it. */
import { type BackgroundWorker, type Clock, type Log, printable, type SpaceWatch } from '@dfs/core'
import { type Recovering } from '../metadata/store.ts'

/** In one transaction: some milliseconds. */
const CONTENTS_PER_STEP = 20
/** Names that one line of the log has at most. */
const LOGGED_MAX = 20

export interface SalvageDeps {
  readonly runtime: { readonly clock: Pick<Clock, 'wallMs'>; readonly log: Log }
  readonly store: Recovering
  readonly space: Pick<SpaceWatch, 'isFull'>
  readonly everyMs: number
}

export function salvage({ runtime, store, space, everyMs }: SalvageDeps): BackgroundWorker {
  const { recovering } = store
  let [named, total] = [0, 0]
  return {
    name: 'salvage',
    priority: 1,
    unit: 'items',
    progress: () => (total === 0 ? null : { done: named, total }),
    async step() {
      const pending = recovering.view()?.pending ?? 0
      if (pending === 0) return { idleMs: everyMs, why: 'nothing that was found waits for a name' }
      if (space.isFull) return { idleMs: everyMs, why: 'the disk is full' }
      total = named + pending
      const salvaged = await recovering.salvage(CONTENTS_PER_STEP, runtime.clock.wallMs())
      named += salvaged.length
      const places = salvaged
        .slice(0, LOGGED_MAX)
        .map(({ placed }) => (placed === null ? null : printable(placed)))
      runtime.log.info(
        { count: salvaged.length, places },
        'writes that were found in the volumes have got a name',
      )
      if (pending > salvaged.length) return { did: salvaged.length }
      ;[named, total] = [0, 0]
      return { did: salvaged.length, idleMs: everyMs, why: 'all that was found has a name' }
    },
  }
}
