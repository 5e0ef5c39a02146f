/**
 * The numbers of the master: what the cluster holds, how its servers are, how much shares a transaction. Each is read where the
 * program keeps it, when somebody asks.
 */
import { type SpaceWatch } from '@dfs/core'
import { type CopyCounts, type Liveness, type ServerInfo } from '@dfs/protocol'
import { type Metrics, type Sample, timingSamples } from '@dfs/service-kit'
import { type RepairFacts } from './domain/health/facts.ts'
import { type CopiesFacts } from './domain/shipping/copies-facts.ts'
import { type GroupFigures } from './metadata/group-figures.ts'
import { type Totals } from './metadata/store.ts'

const LIVENESSES: readonly Liveness[] = ['alive', 'suspect', 'dead']

/** Where the numbers are kept. */
export interface Figures {
  readonly groups: GroupFigures
  readonly space: Pick<SpaceWatch, 'isFull'>
  readonly totals: () => Promise<Totals>
  /** By the names of states. */
  readonly copyStates: () => Promise<ReadonlyMap<string, number>>
  /** What is stored, by good copies; null if that cannot be said. */
  readonly copyCounts: () => Promise<CopyCounts | null>
  readonly servers: () => readonly ServerInfo[]
  readonly repair: () => Promise<RepairFacts>
  readonly copies: () => CopiesFacts
}

export function addMasterMetrics(metrics: Metrics, figures: Figures): void {
  addContentMetrics(metrics, figures)
  addCopyMetrics(metrics, figures)
  addServerMetrics(metrics, figures)
  addRepairMetrics(metrics, figures)
  addTransactionMetrics(metrics, figures)
  addMetadataCopyMetrics(metrics, figures)
  metrics.gauge('dfs_disk_full', 'Whether the disk is so full that nothing more is stored.', () =>
    Number(figures.space.isFull),
  )
}

/** What the metadata says of what is stored. */
function addContentMetrics(metrics: Metrics, { totals, copyStates }: Figures): void {
  metrics.gauge('dfs_entries', 'Files, directories and links; the root is not counted.', async () => {
    const { files, directories, links } = await totals()
    return [
      [{ kind: 'file' }, files],
      [{ kind: 'directory' }, directories],
      [{ kind: 'link' }, links],
    ]
  })
  metrics.gauge(
    'dfs_file_bytes',
    'Sizes of the current versions of all files, each counted once.',
    async () => {
      return (await totals()).fileBytes
    },
  )
  metrics.gauge('dfs_volumes', 'Volumes, by state.', async () => {
    const { volumesOpen, volumesSealed, volumesDeleting } = await totals()
    return [
      [{ state: 'open' }, volumesOpen],
      [{ state: 'sealed' }, volumesSealed],
      [{ state: 'deleting' }, volumesDeleting],
    ]
  })
  metrics.gauge('dfs_volume_copies', 'Copies of volumes, by state.', async () =>
    Array.from(await copyStates(), ([state, count]): Sample => [{ state }, count]),
  )
}

/** Every number of copies from none to all that are wanted has its sample, so that an alert sees a zero and not a gap. */
function addCopyMetrics(metrics: Metrics, { copyCounts }: Figures): void {
  const samples = async (held: 'files' | 'bytes'): Promise<Sample[]> => {
    const counts = await copyCounts()
    if (counts === null) return []
    const numbers = new Map<number, number>()
    for (let copies = 0; copies <= counts.wanted; copies += 1) numbers.set(copies, 0)
    for (const row of counts.byCopies) numbers.set(row.copies, row[held])
    return Array.from(numbers, ([copies, number]): Sample => [{ copies: String(copies) }, number])
  }
  metrics.gauge('dfs_stored_files', 'Stored contents of files, by good copies of their weakest part.', () =>
    samples('files'),
  )
  metrics.gauge('dfs_stored_bytes', 'What is stored, by good copies.', () => samples('bytes'))
}

function addServerMetrics(metrics: Metrics, { servers }: Figures): void {
  const present = (): ServerInfo[] => servers().filter(({ mode }) => mode !== 'removed')
  metrics.gauge('dfs_servers', 'Chunk servers that registered, by what the master thinks of them.', () =>
    LIVENESSES.map((liveness): Sample => [
      { liveness },
      present().filter((server) => server.liveness === liveness).length,
    ]),
  )
  metrics.gauge(
    'dfs_servers_full',
    'Chunk servers that say that they have no room.',
    () => servers().filter(({ isFull }) => isFull).length,
  )
}

/** What is missing, and how it comes. */
function addRepairMetrics(metrics: Metrics, { repair }: Figures): void {
  metrics.gauge('dfs_repairs', 'Copies that are being made again.', async () => (await repair()).copies)
  metrics.gauge('dfs_repair_bytes', 'What is still to come of them.', async () => (await repair()).bytesLeft)
  metrics.gauge(
    'dfs_repair_bytes_per_second',
    'How fast they come, as the servers say: of about the last ten seconds.',
    async () => (await repair()).bytesPerSecond,
  )
  metrics.gauge(
    'dfs_repair_waiting_volumes',
    'Volumes that cannot get all of their copies for now; the health says why.',
    async () => (await repair()).waiting.reduce((sum, { volumes }) => sum + volumes, 0),
  )
}

function addTransactionMetrics(metrics: Metrics, { groups }: Figures): void {
  metrics.histogram(
    'dfs_transaction_commands',
    'Commands that share one transaction of the metadata, and its sync.',
    () => groups.sizes.commit,
  )
  metrics.histogram(
    'dfs_transaction_lookups',
    'Look-ups that share one read of the metadata.',
    () => groups.sizes.lookup,
  )
  metrics.histogram(
    'dfs_transaction_duration_seconds',
    'Transactions of the metadata: commits with their sync, and look-ups.',
    () => timingSamples(groups.durations, 'kind', 'outcome'),
  )
}

/** Copies of the metadata on chunk servers. */
function addMetadataCopyMetrics(metrics: Metrics, { copies }: Figures): void {
  metrics.gauge(
    'dfs_metadata_copies',
    'Chunk servers that hold a whole copy of the metadata.',
    () => copies().holders.filter(({ isWhole }) => isWhole).length,
  )
  metrics.gauge(
    'dfs_metadata_copies_age_seconds',
    'For how long there has been something that most of the copies lack.',
    () => {
      const { ageMs } = copies()
      return ageMs === null ? [] : ageMs / 1000
    },
  )
  metrics.gauge(
    'dfs_metadata_copies_behind_bytes',
    'What most of the copies have not confirmed.',
    () => copies().bytesBehind,
  )
  metrics.gauge('dfs_metadata_fenced', 'Whether changes are refused for want of copies.', () =>
    Number(copies().fenced !== null),
  )
  metrics.counter(
    'dfs_metadata_copies_sent_bytes_total',
    'Sent to chunk servers that hold copies of the metadata.',
    () => copies().bytesSent,
  )
  metrics.counter(
    'dfs_metadata_snapshots_total',
    'Snapshots of the metadata that were sent.',
    () => copies().snapshots,
  )
}
