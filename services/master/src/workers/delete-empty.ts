/**
 * Deletes sealed volumes that hold nothing (R7): each start of a server leaves some. It is decided in the store; here it waits
 * until this start of the master may remove anything.
 */
import { type BackgroundWorker, type Runtime, type SpaceWatch } from '@dfs/core'
import { formatId } from '@dfs/protocol'
import { type ClusterTime } from '../metadata/cluster-time.ts'
import { type KeptAside, type Recovering, type Upkeep } from '../metadata/store.ts'
import { type Sessions } from '../servers/sessions.ts'

/** Volumes that one log line names at most. */
const LOGGED_VOLUMES_MAX = 20

/** Whether this master may be one that others have replaced: then nothing goes. */
export interface Fence {
  /** Why, for people; null if it is not so. */
  whyFenced(): string | null
}

export interface DeleteEmptyDeps {
  readonly runtime: Pick<Runtime, 'log'>
  readonly store: Pick<Upkeep, 'deleteEmptyVolumes'> & Pick<KeptAside, 'kept'> & Recovering
  readonly sessions: Pick<Sessions, 'mayRemove'>
  readonly time: Pick<ClusterTime, 'now'>
  readonly space: Pick<SpaceWatch, 'isFull'>
  readonly copies: Fence
  readonly everyMs: number
}

export const deleteEmpty = ({
  runtime: { log },
  store,
  sessions,
  time,
  space,
  copies,
  everyMs,
}: DeleteEmptyDeps): BackgroundWorker => ({
  name: 'delete-empty',
  priority: 1,
  unit: 'items',
  progress: () => null,
  async step(budget) {
    const why = whyNot({ store, sessions, space, copies })
    if (why !== null) return { idleMs: everyMs, why }
    const { deleted, notEmpty, isMoreLeft } = await store.deleteEmptyVolumes(budget, time.now().clusterMs)
    if (deleted.length > 0) log.info(shown(deleted), 'empty volumes are deleted')
    if (notEmpty.length > 0)
      log.error(
        shown(notEmpty),
        'volumes hold something although nothing is counted there; they stay (dfs fsck)',
      )
    return isMoreLeft
      ? { did: deleted.length }
      : { did: deleted.length, idleMs: everyMs, why: 'no sealed volume is empty that nobody may ask for' }
  },
})

function whyNot({
  store,
  sessions,
  space,
  copies,
}: Pick<DeleteEmptyDeps, 'store' | 'sessions' | 'space' | 'copies'>): string | null {
  if (space.isFull) return 'the disk is full'
  if (!store.recovering.mayDelete())
    return 'the new history of the metadata is not confirmed (dfs recover --confirm)'
  const fenced = copies.whyFenced()
  if (fenced !== null) return fenced
  if (!sessions.mayRemove) return 'it waits for servers: a restored backup shows when they register'
  // What a start has forgotten may be missed by a server that is not back yet, and the copy of it be put back.
  return store.kept.some(({ reason }) => reason === 'torn')
    ? 'the copy of a torn transaction is kept until every server has registered'
    : null
}

const shown = (volumes: readonly number[]): { count: number; volumes: string[] } => ({
  count: volumes.length,
  volumes: volumes.slice(0, LOGGED_VOLUMES_MAX).map(formatId),
})
