/**
 * Forgets what is gone for good: the copies of servers that were removed, and the records of disks that were replaced once nothing
 * names them. What is forgotten, and why nobody misses it, is decided in the store (domain/metadata/removal.ts).
 */
import { type BackgroundWorker, type Runtime, type SpaceWatch } from '@dfs/core'
import { type Removing } from '../metadata/store.ts'
import { type Sessions } from '../servers/sessions.ts'

export interface ForgetServersDeps {
  readonly runtime: Pick<Runtime, 'clock' | 'log'>
  readonly store: Removing
  readonly sessions: Pick<Sessions, 'servers' | 'get' | 'forget' | 'replaced' | 'mayRemove'>
  readonly space: Pick<SpaceWatch, 'isFull'>
  readonly everyMs: number
}

export const forgetServers = ({
  runtime: { clock, log },
  store,
  sessions,
  space,
  everyMs,
}: ForgetServersDeps): BackgroundWorker => ({
  name: 'forget-servers',
  priority: 1,
  unit: 'items',
  progress: () => null,
  async step(budget) {
    if (space.isFull) return { idleMs: everyMs, why: 'the disk is full' }
    // Who was replaced is not told by a person: nothing of it goes before a restored backup would have shown (R6).
    const replaced = sessions.mayRemove ? sessions.replaced() : []
    const removed = sessions.servers.filter(({ mode }) => mode === 'removed')
    if (replaced.length + removed.length === 0)
      return { idleMs: everyMs, why: 'no server is gone of which anything could be forgotten' }
    const { copies, servers, isMoreLeft } = await store.removing.forget(replaced, budget, clock.wallMs())
    for (const id of servers) {
      const known = sessions.get(id)
      if (known === undefined) continue
      log.info({ server: id, name: known.name }, 'no copy names this server any more: it is forgotten')
      sessions.forget(id)
    }
    if (copies > 0) log.info({ copies }, 'copies on servers that are gone for good are forgotten')
    if (isMoreLeft) return { did: copies }
    const why = 'what is left of servers that are gone is all that there is of some files, or may be back'
    return { did: copies + servers.length, idleMs: everyMs, why }
  },
})
