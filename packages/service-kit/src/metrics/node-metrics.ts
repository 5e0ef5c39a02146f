/** What master and chunk servers have in common: a disk, calls that they answer for other nodes, work in the background. */
import { DiskError, type DiskSpace, type WorkerStatus } from '@dfs/core'
import { type NodeRuntime } from '@dfs/node-runtime'
import { type Metrics, type Sample, timingSamples } from './metrics.ts'

/** The parts of a node that count what they do. */
export interface CountingParts {
  readonly disk: Pick<NodeRuntime['disk'], 'space' | 'figures'>
  readonly transport: Pick<NodeRuntime['transport'], 'answered'>
}

export function addNodeMetrics(metrics: Metrics, { disk, transport }: CountingParts): void {
  // A disk that does not even tell its size must not take all other numbers along.
  const space = (): Promise<DiskSpace | null> =>
    disk.space().catch((error: unknown) => {
      if (error instanceof DiskError) return null
      throw error
    })
  metrics.gauge('dfs_disk_free_bytes', 'Room on the disk of the data directory.', async () => {
    return (await space())?.freeBytes ?? null
  })
  metrics.gauge('dfs_disk_size_bytes', 'Size of that disk.', async () => (await space())?.totalBytes ?? null)
  metrics.histogram(
    'dfs_disk_sync_duration_seconds',
    'Syncs of files, failed ones included.',
    () => disk.figures.syncs,
  )
  metrics.counter(
    'dfs_disk_sync_failures_total',
    'Syncs that failed: what they were to keep counts as lost.',
    () => disk.figures.failedSyncs,
  )
  metrics.histogram(
    'dfs_call_duration_seconds',
    'Calls of other nodes that this one has answered, by route.',
    () => timingSamples(transport.answered, 'route', 'outcome'),
  )
}

export function addWorkerMetrics(metrics: Metrics, statuses: () => readonly WorkerStatus[]): void {
  const each = (read: (status: WorkerStatus) => number): Sample[] =>
    statuses().map((status): Sample => [{ worker: status.name, unit: status.unit }, read(status)])
  metrics.counter('dfs_worker_done_total', 'What background work did, in its unit.', () =>
    each(({ did }) => did),
  )
  metrics.gauge(
    'dfs_worker_last_failure_timestamp_seconds',
    'When background work last failed, since 1970; 0 if it never did.',
    () => each(({ lastError }) => (lastError?.atMs ?? 0) / 1000),
  )
}
