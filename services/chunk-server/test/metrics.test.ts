/** What a chunk server tells of its copies: each state has a line, also if no copy is in it. */
import { ManualClock } from '@dfs/core/testing'
import { Metrics } from '@dfs/service-kit'
import { expect, test } from 'vitest'
import { BatchFigures } from '../src/batch-figures.ts'
import { CopyFigures } from '../src/copying/copy-figures.ts'
import { addChunkServerMetrics } from '../src/metrics.ts'

test('copies are counted by state, and batches by what shared them', async () => {
  const batches = new BatchFigures()
  batches.records.note(3)
  batches.bytes.note(5000)
  batches.commands.note(2)
  batches.lookups.note(1)
  const copies = ['open', 'sealed', 'sealed'].map((state) => ({ state: { state }, syncedLength: 100 }))
  const store = {
    all: () => copies,
    unverified: () => [copies[1]],
    counters: { damagedRanges: 4, repairedRecords: 5 },
    unreadableCount: 6,
    oldestDiskCallMs: () => 1500,
  }
  const figures = new CopyFigures(new ManualClock())
  figures.noteCopied(7000)
  figures.damagedRecords = 2
  figures.noteGiven(8000)
  const metrics = new Metrics()
  addChunkServerMetrics(metrics, { batches, copies: figures, store, space: { isFull: true } })
  const { text } = await metrics.text()
  const lines = text.split('\n').filter((line) => !/^#|_bucket|^$/.test(line))
  expect(lines).toEqual([
    'dfs_batch_records_sum 3',
    'dfs_batch_records_count 1',
    'dfs_batch_bytes_sum 5000',
    'dfs_batch_bytes_count 1',
    'dfs_commit_call_commands_sum 2',
    'dfs_commit_call_commands_count 1',
    'dfs_lookup_call_lookups_sum 1',
    'dfs_lookup_call_lookups_count 1',
    'dfs_stored_copies{state="open"} 1',
    'dfs_stored_copies{state="sealed"} 2',
    'dfs_stored_copies{state="failed"} 0',
    'dfs_stored_bytes 300',
    'dfs_stored_copies_unverified 1',
    'dfs_stored_copies_unreadable 6',
    'dfs_damaged_ranges_total 4',
    'dfs_repaired_records_total 5',
    'dfs_copied_bytes_total 7000',
    'dfs_copied_bytes_per_second 0',
    'dfs_copy_source_damages_total 2',
    'dfs_copy_given_bytes_total 8000',
    'dfs_disk_full 1',
    'dfs_disk_oldest_write_seconds 1.5',
  ])
})
