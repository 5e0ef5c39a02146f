/** Seals the open volumes that have a copy on a dead server: nobody may count on a receipt of theirs any more (R3). */
import { type BackgroundWorker, type Runtime } from '@dfs/core'
import { type VolumeStore } from '../metadata/cluster-store.ts'
import { type Sessions } from '../servers/sessions.ts'

export interface SealDeadDeps {
  readonly runtime: Pick<Runtime, 'clock' | 'log'>
  readonly store: Pick<VolumeStore, 'openVolumesOf' | 'sealVolumes'>
  readonly sessions: Pick<Sessions, 'dead'>
  readonly everyMs: number
}

export const sealDead = ({ runtime, store, sessions, everyMs }: SealDeadDeps): BackgroundWorker => ({
  name: 'seal-dead',
  priority: 0,
  unit: 'items',
  progress: () => null,
  async step(budget) {
    const { clock, log } = runtime
    let did = 0
    for (const server of sessions.dead()) {
      const volumes = (await store.openVolumesOf(server)).slice(0, budget - did).map(({ volume }) => volume)
      if (volumes.length === 0) continue
      await store.sealVolumes(volumes, `server ${server} is dead`, clock.wallMs())
      log.warn({ server, count: volumes.length }, 'server is dead; its volumes are sealed')
      did += volumes.length
      if (did >= budget) return { did }
    }
    return { did, idleMs: everyMs, why: 'no dead server has an open volume' }
  },
})
