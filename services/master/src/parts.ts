/** What the master is made of, put together once: each part gets what it calls, and nothing else. */
import { type Runtime, type SpaceWatch } from '@dfs/core'
import { type FrameCodec } from '@dfs/metadata-copy'
import { watchSpace } from './disk-space.ts'
import { Backups } from './metadata/backups.ts'
import { ClusterTime } from './metadata/cluster-time.ts'
import { Groups } from './metadata/groups.ts'
import { OwnWitness } from './metadata/own-witness.ts'
import { type MetadataStore } from './metadata/store.ts'
import { PassedWrites } from './passing/passed-writes.ts'
import { PassOn } from './passing/pass-on.ts'
import { Allocation } from './servers/allocation.ts'
import { ClusterHealth } from './servers/cluster-health.ts'
import { Coordinators } from './servers/coordinators.ts'
import { CopyChecks } from './servers/copy-checks.ts'
import { CopyJobs } from './servers/copy-jobs.ts'
import { DamageReports } from './servers/damage-reports.ts'
import { Membership } from './servers/membership.ts'
import { Removal } from './servers/removal.ts'
import { RepairStatus } from './servers/repair-status.ts'
import { RestoredBackup } from './servers/restored-backup.ts'
import { Sessions } from './servers/sessions.ts'
import { type MasterSettings } from './settings.ts'
import { Shipping } from './shipping/shipping.ts'

/** The first failure that the process must not survive. */
export class Failure {
  readonly #onFatal: (error: Error) => void
  #first: Error | null = null

  constructor(onFatal: (error: Error) => void) {
    this.#onFatal = onFatal
  }

  get hasHappened(): boolean {
    return this.#first !== null
  }

  readonly report = (error: Error): void => {
    if (this.#first !== null) return
    this.#first = error
    this.#onFatal(error)
  }
}

export interface Parts {
  readonly settings: MasterSettings
  readonly store: MetadataStore
  readonly sessions: Sessions
  readonly time: ClusterTime
  readonly space: SpaceWatch
  readonly groups: Groups
  readonly shipping: Shipping
  readonly membership: Membership
  readonly allocation: Allocation
  readonly damages: DamageReports
  readonly checks: CopyChecks
  readonly jobs: CopyJobs
  readonly repairStatus: RepairStatus
  readonly coordinators: Coordinators
  readonly passOn: PassOn
  readonly backup: RestoredBackup
  readonly backups: Backups
  readonly health: ClusterHealth
  readonly removal: Removal
  readonly ownWitness: OwnWitness
  readonly failure: Failure
}

/** Made before the master. */
export interface Made {
  readonly store: MetadataStore
  readonly settings: MasterSettings
  /** For copies of the metadata. */
  readonly codec: FrameCodec
}

export async function assemble(
  runtime: Runtime,
  { store, settings, codec }: Made,
  failure: Failure,
): Promise<Parts> {
  const sessions = new Sessions(runtime.clock, settings, await store.servers())
  const time = new ClusterTime(runtime.clock, store)
  const space = await watchSpace(runtime.disk, settings.freeSpaceFloorBytes, runtime.log)
  const shared = { runtime, store, sessions, settings, time, space }
  const passed = new PassedWrites(store.epoch().counter)
  const { clock, log, transport } = runtime
  const graceMs = settings.liveness.deadAfterMs
  const backup = new RestoredBackup({ clock, log, graceMs })
  const shipping = new Shipping({
    ...shared,
    ...settings.metadataCopies,
    source: store.source,
    codec,
    backup,
    graceMs,
    onFatal: failure.report,
  })
  const groups = new Groups({ ...shared, passed, copies: shipping, onFatal: failure.report })
  const coordinators = new Coordinators(sessions, transport)
  const passOn = new PassOn({ clock, log, transport, coordinators, passed })
  const damages = new DamageReports(shared)
  const checks = new CopyChecks({ clock: runtime.clock, sessions, epoch: store.epoch().counter })
  const jobs = new CopyJobs(clock)
  const membership = new Membership({ ...shared, damages, checks, backup, jobs, copies: shipping })
  const allocation = new Allocation(shared)
  const ownWitness = new OwnWitness(shared)
  const repairStatus = new RepairStatus({ sessions, jobs, store })
  const health = new ClusterHealth({ ...shared, clock, backup, repairStatus, copies: shipping })
  const backups = new Backups({ clock, store })
  const removal = new Removal({ ...shared, membership })
  const workers = {
    backups,
    membership,
    allocation,
    damages,
    checks,
    jobs,
    repairStatus,
    coordinators,
    passOn,
    backup,
    health,
    removal,
    ownWitness,
  }
  return { ...shared, groups, shipping, ...workers, failure }
}
