/** The background work of the master, in one lane: all that changes something is on the one connection to the store anyway. */
import { type BackgroundWorker, Runner, type Runtime, type SpaceWatch } from '@dfs/core'
import { type ClusterTime } from '../metadata/cluster-time.ts'
import { type VolumeStore } from '../metadata/cluster-store.ts'
import {
  type KeptAside,
  type Recovering,
  type Removing,
  type Repairing,
  type Upkeep,
} from '../metadata/store.ts'
import { type CopyJobs } from '../servers/copy-jobs.ts'
import { type RepairStatus } from '../servers/repair-status.ts'
import { type RestoredBackup } from '../servers/restored-backup.ts'
import { type Sessions } from '../servers/sessions.ts'
import { type MasterSettings } from '../settings.ts'
import { countDeleted } from './count-deleted.ts'
import { deleteEmpty, type Fence } from './delete-empty.ts'
import { forgetKeys } from './forget-keys.ts'
import { forgetServers } from './forget-servers.ts'
import { keepTime } from './keep-time.ts'
import { repairCopies } from './repair-copies.ts'
import { salvage } from './salvage.ts'
import { sealDead } from './seal-dead.ts'
import { type ClusterHealth } from '../servers/cluster-health.ts'
import { watchHealth } from './watch-health.ts'
import { watchingSpace } from './watch-space.ts'

/** Volumes, in a transaction of some milliseconds. */
const STEP_ITEMS_MAX = 100

export interface MasterWorkersOptions {
  readonly runtime: Runtime
  readonly store: Upkeep &
    KeptAside &
    Repairing &
    Recovering &
    Removing &
    Pick<VolumeStore, 'openVolumesOf' | 'openVolumeLoads' | 'sealVolumes'>
  readonly sessions: Sessions
  readonly settings: MasterSettings
  readonly jobs: CopyJobs
  readonly repairStatus: RepairStatus
  readonly time: ClusterTime
  readonly space: SpaceWatch
  readonly backup: Pick<RestoredBackup, 'reason'>
  readonly health: Pick<ClusterHealth, 'look'>
  readonly copies: Fence
  /** Time between two steps of each, and before the first ones: until then most servers have registered. */
  readonly everyMs: number
}

export function masterWorkers(options: MasterWorkersOptions): Runner {
  const { runtime, backup, everyMs } = options
  const workers = [
    sealDead,
    watchingSpace,
    countDeleted,
    deleteEmpty,
    repairCopies,
    salvage,
    forgetServers,
    forgetKeys,
    keepTime,
  ].map((make) => onlyWhereObeyed(make(options), backup, everyMs))
  const lane = { workers, budget: STEP_ITEMS_MAX, startAfterMs: everyMs }
  // It changes nothing, and goes over all volumes: nobody has to wait for that.
  const looking = { workers: [watchHealth(options)], budget: STEP_ITEMS_MAX, startAfterMs: everyMs }
  return new Runner({ clock: runtime.clock, lanes: [lane, looking] })
}

/** Nothing is decided by metadata that nobody obeys. */
const onlyWhereObeyed = (
  worker: BackgroundWorker,
  backup: Pick<RestoredBackup, 'reason'>,
  idleMs: number,
): BackgroundWorker => ({
  ...worker,
  step: async (budget, signal) =>
    backup.reason === null
      ? await worker.step(budget, signal)
      : { idleMs, why: 'the metadata is a restored backup, which nobody obeys' },
})
