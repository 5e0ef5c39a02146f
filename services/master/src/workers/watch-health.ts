/**
 * Looks at the health of the cluster all the time, so that since when a reason holds does not depend on who asks, and logs what
 * has changed. A look goes over all volumes: it takes at most a fiftieth of the time, however many there are.
 */
import { type BackgroundWorker, type Runtime } from '@dfs/core'
import { type HealthView } from '@dfs/protocol'
import { type ClusterHealth } from '../servers/cluster-health.ts'

export interface WatchHealthDeps {
  readonly runtime: Pick<Runtime, 'clock' | 'log'>
  readonly health: Pick<ClusterHealth, 'look'>
  readonly everyMs: number
}

const SHARE = 50

export function watchHealth({ runtime, health, everyMs }: WatchHealthDeps): BackgroundWorker {
  const { clock, log } = runtime
  let last = ''
  const note = ({ state, reasons }: HealthView): void => {
    const now = [state, ...reasons.map(({ code }) => code)].join(' ')
    if (now === last) return
    last = now
    log.info({ state, reasons: reasons.map(({ code, text }) => `${code}: ${text}`) }, 'health')
  }
  return {
    name: 'watch-health',
    priority: 0,
    unit: 'items',
    progress: () => null,
    async step() {
      const startedMs = clock.monotonicMs()
      const view = await health.look()
      note(view)
      const idleMs = Math.max(everyMs, SHARE * (clock.monotonicMs() - startedMs))
      return { did: 1, idleMs, why: `the cluster is ${view.state}` }
    },
  }
}
