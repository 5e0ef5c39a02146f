/** What the master tells: totals and servers as they are when it is asked, transactions by what shared them and how they ended. */
import { ManualClock } from '@dfs/core/testing'
import { type ServerInfo } from '@dfs/protocol'
import { Metrics } from '@dfs/service-kit'
import { expect, test } from 'vitest'
import { GroupFigures } from '../src/metadata/group-figures.ts'
import { addMasterMetrics } from '../src/metrics.ts'

const TOTALS = {
  files: 3,
  directories: 2,
  links: 1,
  fileBytes: 400,
  volumesOpen: 5,
  volumesSealed: 6,
  volumesDeleting: 0,
  deletingOn: [],
}

const COPIES = {
  holders: [true, true, false].map((isWhole, index) => {
    return { server: index, name: `chunk-${index}`, isWhole, ageMs: null, bytesBehind: null }
  }),
  fewForMs: 0,
  ageMs: 1500,
  bytesBehind: 700,
  fenced: null,
  bytesSent: 9000,
  snapshots: 2,
}

const server = (liveness: ServerInfo['liveness'], isFull = false): ServerInfo => ({
  id: 1,
  name: 'chunk-1',
  liveness,
  incarnation: 1,
  internalAddress: '10.0.0.1:7171',
  publicPort: 7071,
  advertisedUrl: null,
  zone: 'a',
  freeBytes: 1,
  totalBytes: 2,
  isFull,
  silentForMs: 0,
  damagedRanges: 0,
  repairedRecords: 0,
})

test('a transaction is noted with its size, its time and its end', async () => {
  const clock = new ManualClock()
  const groups = new GroupFigures(clock)
  const metrics = new Metrics()
  let servers = [server('alive'), server('alive', true)]
  addMasterMetrics(metrics, {
    groups,
    space: { isFull: false },
    totals: async () => TOTALS,
    copyStates: async () => new Map([['inSync', 8]]),
    copyCounts: async () => ({
      wanted: 3,
      isEstimate: false,
      byCopies: [
        { copies: 3, volumes: 4, files: 20, bytes: 380 },
        { copies: 1, volumes: 1, files: 2, bytes: 20 },
      ],
    }),
    servers: () => servers,
    copies: () => COPIES,
    repair: async () => ({
      copies: 2,
      bytesLeft: 500,
      bytesPerSecond: 25,
      waiting: [{ volumes: 3, servers: [], text: 'no other server' }],
    }),
  })
  const kept = await groups.note('commit', 3, async () => {
    await clock.advance(250)
    return 'kept'
  })
  expect(kept).toBe('kept')
  await groups.note('lookup', 7, async () => 'found')
  await expect(groups.note('commit', 2, () => Promise.reject(new Error('the sync failed')))).rejects.toThrow(
    'the sync failed',
  )
  servers = [...servers, server('dead')]
  const { text } = await metrics.text()
  const lines = text.split('\n').filter((line) => !/^#|_bucket|^$/.test(line))
  expect(lines).toEqual([
    'dfs_entries{kind="file"} 3',
    'dfs_entries{kind="directory"} 2',
    'dfs_entries{kind="link"} 1',
    'dfs_file_bytes 400',
    'dfs_volumes{state="open"} 5',
    'dfs_volumes{state="sealed"} 6',
    'dfs_volumes{state="deleting"} 0',
    'dfs_volume_copies{state="inSync"} 8',
    'dfs_stored_files{copies="0"} 0',
    'dfs_stored_files{copies="1"} 2',
    'dfs_stored_files{copies="2"} 0',
    'dfs_stored_files{copies="3"} 20',
    'dfs_stored_bytes{copies="0"} 0',
    'dfs_stored_bytes{copies="1"} 20',
    'dfs_stored_bytes{copies="2"} 0',
    'dfs_stored_bytes{copies="3"} 380',
    'dfs_servers{liveness="alive"} 2',
    'dfs_servers{liveness="suspect"} 0',
    'dfs_servers{liveness="dead"} 1',
    'dfs_servers_full 1',
    'dfs_repairs 2',
    'dfs_repair_bytes 500',
    'dfs_repair_bytes_per_second 25',
    'dfs_repair_waiting_volumes 3',
    'dfs_transaction_commands_sum 5',
    'dfs_transaction_commands_count 2',
    'dfs_transaction_lookups_sum 7',
    'dfs_transaction_lookups_count 1',
    'dfs_transaction_duration_seconds_sum{kind="commit",outcome="ok"} 0.25',
    'dfs_transaction_duration_seconds_count{kind="commit",outcome="ok"} 1',
    'dfs_transaction_duration_seconds_sum{kind="commit",outcome="failed"} 0',
    'dfs_transaction_duration_seconds_count{kind="commit",outcome="failed"} 1',
    'dfs_transaction_duration_seconds_sum{kind="lookup",outcome="ok"} 0',
    'dfs_transaction_duration_seconds_count{kind="lookup",outcome="ok"} 1',
    'dfs_metadata_copies 2',
    'dfs_metadata_copies_age_seconds 1.5',
    'dfs_metadata_copies_behind_bytes 700',
    'dfs_metadata_fenced 0',
    'dfs_metadata_copies_sent_bytes_total 9000',
    'dfs_metadata_snapshots_total 2',
    'dfs_disk_full 0',
  ])
})
