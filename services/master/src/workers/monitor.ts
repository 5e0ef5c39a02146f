/**
 * The background step: volumes of dead servers are sealed, the totals learn what was deleted, old idempotency keys are
 * forgotten, time is written down, and the disk is looked at. It asks nobody.
 */
import { DiskError, type Runtime, type SpaceWatch } from '@dfs/core'
import { type ClusterTime } from '../metadata/cluster-time.ts'
import { lookAtDisk } from '../disk-space.ts'
import { type MetadataStore } from '../metadata/store.ts'
import { type RestoredBackup } from '../servers/restored-backup.ts'
import { type Sessions } from '../servers/sessions.ts'

export interface MonitorOptions {
  readonly runtime: Runtime
  readonly store: MetadataStore
  readonly sessions: Sessions
  readonly time: ClusterTime
  readonly space: SpaceWatch
  readonly backup: RestoredBackup
  readonly everyMs: number
}

/** Runs steps until `signal` aborts; rejects when a step fails. */
export async function runMonitor(options: MonitorOptions, signal: AbortSignal): Promise<void> {
  while (await sleepUnlessAborted(options, signal)) await monitorStep(options)
}

/** One bounded step. */
export async function monitorStep(options: MonitorOptions): Promise<void> {
  const { runtime, store, sessions, time, space, backup } = options
  // Nothing is decided by metadata that nobody obeys.
  if (backup.reason !== null) return
  for (const server of sessions.dead()) {
    const volumes = (await store.openVolumesOf(server)).map(({ volume }) => volume)
    if (volumes.length === 0) continue
    await store.sealVolumes(volumes, `server ${server} is dead`, runtime.clock.wallMs())
    runtime.log.warn({ server, count: volumes.length }, 'server is dead; its volumes are sealed')
  }
  await lookAtDisk(runtime.disk, space).catch((error: unknown) => {
    if (!(error instanceof DiskError)) throw error
    runtime.log.warn({ err: error }, 'the disk does not say how much room it has')
  })
  if (!space.isFull) {
    await store.countDeleted()
    await store.forgetKeys()
  }
  await time.keep()
}

/** Whether the whole time has passed. */
async function sleepUnlessAborted(
  { runtime, everyMs }: MonitorOptions,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await runtime.clock.sleep(everyMs, signal)
    return true
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
}
