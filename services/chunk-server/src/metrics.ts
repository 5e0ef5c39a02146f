/**
 * The numbers of a chunk server: what its copies are like, how much shares a sync or a call, and its disk. The number of files
 * by copies is the master's.
 */
import { type SpaceWatch } from '@dfs/core'
import { type Metrics } from '@dfs/service-kit'
import { type BatchFigures } from './batch-figures.ts'
import { type CopyFigures } from './copying/copy-figures.ts'
import { type VolumeStore } from './volume/volume-store.ts'

/** Where the numbers are kept. */
export interface Figures {
  readonly batches: BatchFigures
  readonly copies: CopyFigures
  readonly store: StoredCopies
  readonly space: Pick<SpaceWatch, 'isFull'>
}

/** What is read of the store of copies. */
export interface StoredCopies extends Pick<VolumeStore, 'counters' | 'unreadableCount' | 'oldestDiskCallMs'> {
  all(): readonly { readonly state: { readonly state: string }; readonly syncedLength: number }[]
  unverified(): readonly unknown[]
}

export function addChunkServerMetrics(metrics: Metrics, { batches, copies, store, space }: Figures): void {
  metrics.histogram(
    'dfs_batch_records',
    'Records that were written and synced together, if this server was their primary.',
    () => batches.records,
  )
  metrics.histogram('dfs_batch_bytes', 'Bytes of such a batch.', () => batches.bytes)
  metrics.histogram('dfs_commit_call_commands', 'Commands in one call to the master.', () => batches.commands)
  metrics.histogram('dfs_lookup_call_lookups', 'Look-ups in one call to the master.', () => batches.lookups)
  metrics.gauge('dfs_stored_copies', 'Copies of volumes on this server, by state.', () =>
    countsByState(store.all().map(({ state }) => state.state)),
  )
  metrics.gauge('dfs_stored_bytes', 'Bytes of all records on this server.', () =>
    store.all().reduce((sum, { syncedLength }) => sum + syncedLength, 0),
  )
  metrics.gauge(
    'dfs_stored_copies_unverified',
    'Sealed copies whose bytes were not all read since they were written.',
    () => store.unverified().length,
  )
  metrics.gauge(
    'dfs_stored_copies_unreadable',
    'Copies that are kept aside, since they cannot be opened.',
    () => store.unreadableCount,
  )
  metrics.counter(
    'dfs_damaged_ranges_total',
    'Ranges of copies on this server that were found damaged.',
    () => store.counters.damagedRanges,
  )
  metrics.counter(
    'dfs_repaired_records_total',
    'Records of this server that were mended from another copy.',
    () => store.counters.repairedRecords,
  )
  metrics.counter(
    'dfs_copied_bytes_total',
    'Bytes of records that came from other servers, for copies that are made here.',
    () => copies.bytes,
  )
  metrics.gauge('dfs_copied_bytes_per_second', 'The same, of about the last minute.', () => copies.perSecond)
  metrics.counter(
    'dfs_copy_source_damages_total',
    'Records that another server had wrong when a copy was made from it.',
    () => copies.damagedRecords,
  )
  metrics.counter(
    'dfs_copy_given_bytes_total',
    'Bytes that other servers have read here to make or mend their copies.',
    () => copies.givenBytes,
  )
  metrics.gauge('dfs_disk_full', 'Whether the disk is so full that nothing more is stored.', () =>
    Number(space.isFull),
  )
  metrics.gauge(
    'dfs_disk_oldest_write_seconds',
    'Age of the oldest write that is not finished: a disk that hangs shows here first.',
    () => store.oldestDiskCallMs() / 1000,
  )
}

/** States that no copy is in have 0, so that a line does not end where it becomes interesting. */
function countsByState(states: readonly string[]) {
  const counts = new Map<string, number>([
    ['open', 0],
    ['sealed', 0],
    ['failed', 0],
  ])
  for (const state of states) counts.set(state, (counts.get(state) ?? 0) + 1)
  return Array.from(counts, ([state, count]) => [{ state }, count] as const)
}
