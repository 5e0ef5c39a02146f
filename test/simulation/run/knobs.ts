/**
 * What a seed decides besides the faults: how large the cluster is, how small its chunks, volumes and batches are, how long its
 * nodes wait for each other and how fast the clock of each goes, and how busy the clients are. Rare paths become common ones
 * in some runs: volumes that hold two chunks are sealed all the time, and batches of two records are always full.
 */
import { DEFAULT_TUNING, type Tuning } from '@dfs/chunk-server'
import { DEFAULT_SETTINGS, type MasterSettings } from '@dfs/master'
import { HEARTBEAT_MS, KIB, MIB, SUSPECT_AFTER_MS } from '@dfs/protocol'
import { type SimRandom } from '@dfs/sim-runtime'

export interface Knobs {
  readonly chunkServers: number
  readonly replicas: number
  readonly chunkSizeBytes: number
  readonly volumeSizeBytes: number
  readonly tuning: Tuning
  readonly transactions: Transactions
  readonly metadataCopies: MasterSettings['metadataCopies']
  readonly liveness: { readonly suspectAfterMs: number; readonly deadAfterMs: number }
  /** By node, the master first. */
  readonly clockRates: readonly number[]
  readonly clients: number
  readonly operationsPerClient: number
  /** Between two operations of a client, at most. */
  readonly thinkMs: number
  readonly names: number
  /** The largest file. */
  readonly fileBytesMax: number
  /** The time that clients take before each piece of a file that they read, at most. */
  readonly readerPauseMs: number
  readonly faultsCount: number
  /** Damage may then touch last copies: errors are allowed, wrong bytes are not. */
  readonly isBeyondTolerance: boolean
}

/** What the master does at once. */
type Transactions = Pick<MasterSettings, 'requestsPerTransactionMax' | 'commandsPerTransactionMax'>

/** Faults begin within this time, and clients work for about as long. */
export const FAULTS_OVER_MS = 45_000

/**
 * Two thirds of them give pieces that are read into pooled buffers. Those of the largest size, as in production, cost several times what the
 * others do, so they are few.
 */
const CHUNK_SIZES = [4, 4, 16, 16, 64, 64, 256, 256, 256, 512, 512, 4096].map((kib) => kib * KIB)
/** Larger files would have no more chunks of the largest kind than these, and cost seconds. */
const FILE_BYTES_MAX = 10 * MIB

export function drawKnobs(random: SimRandom): Knobs {
  const chunkServers = 3 + random.int(3)
  const chunkSizeBytes = pick(random, CHUNK_SIZES)
  const clients = pick(random, [2, 4, 8])
  const operationsPerClient = pick(random, [15, 30])
  const clockRates = Array.from({ length: chunkServers + 1 }, () =>
    random.chance(0.7) ? 1 : pick(random, [0.7, 0.95, 1.05, 1.5, 3]),
  )
  const drawnMs = pick(random, [2500, SUSPECT_AFTER_MS, 8000])
  const suspectAfterMs = Math.max(drawnMs, 2.5 * slowestHeartbeatMs(clockRates))
  return {
    chunkServers,
    replicas: pick(random, [2, 3, 3]),
    chunkSizeBytes,
    volumeSizeBytes: pick(random, [2, 4, 16]) * chunkSizeBytes,
    tuning: drawTuning(random.fork('tuning')),
    transactions: {
      requestsPerTransactionMax: pick(random, [1, 4, DEFAULT_SETTINGS.requestsPerTransactionMax]),
      commandsPerTransactionMax: pick(random, [1, 8, DEFAULT_SETTINGS.commandsPerTransactionMax]),
    },
    liveness: { suspectAfterMs, deadAfterMs: suspectAfterMs * pick(random, [1.5, 3, 5]) },
    metadataCopies: drawMetadataCopies(random.fork('metadata copies')),
    clockRates,
    clients,
    operationsPerClient,
    thinkMs: Math.floor((2 * FAULTS_OVER_MS) / operationsPerClient),
    names: pick(random, [3, 6, 12]),
    fileBytesMax: Math.min(FILE_BYTES_MAX, pick(random, [2, 6]) * chunkSizeBytes),
    readerPauseMs: pick(random.fork('readers'), [0, 300, 2000, 5000]),
    faultsCount: pick(random, [3, 8, 12, 16]),
    isBeyondTolerance: random.chance(0.08),
  }
}

/** Often so that snapshots are renewed, now and then so that results wait for them. */
const drawMetadataCopies = (random: SimRandom): MasterSettings['metadataCopies'] => ({
  everyMs: pick(random, [250, 1000, 1000]),
  changesKeptBytes: pick(random, [16 * KIB, DEFAULT_SETTINGS.metadataCopies.changesKeptBytes]),
  isAwaited: random.chance(0.2),
})

/** Each number for itself: as in production, or small, or (what is waited for) long. */
function drawTuning(random: SimRandom): Tuning {
  const few = (name: keyof Tuning): number =>
    random.chance(0.5) ? DEFAULT_TUNING[name] : pick(random, [1, 2, 5])
  const wait = (name: keyof Tuning): number =>
    random.chance(0.5) ? DEFAULT_TUNING[name] : DEFAULT_TUNING[name] * pick(random, [0.25, 0.5, 2])
  return {
    replicationTimeoutMs: wait('replicationTimeoutMs'),
    batchRecordsMax: few('batchRecordsMax'),
    batchBytesMax: pick(random, [KIB, 128 * KIB, DEFAULT_TUNING.batchBytesMax]),
    commitsPerCallMax: few('commitsPerCallMax'),
    commitTimeoutMs: wait('commitTimeoutMs'),
    lookupsPerCallMax: few('lookupsPerCallMax'),
    lookupTimeoutMs: wait('lookupTimeoutMs'),
    sessionTimeoutMs: wait('sessionTimeoutMs'),
    allocationTimeoutMs: wait('allocationTimeoutMs'),
    readPatienceMs: wait('readPatienceMs'),
    readWithinMs: DEFAULT_TUNING.readWithinMs * pick(random.fork('readWithinMs'), [0.25, 1, 1]),
    chunksInMemoryMax: few('chunksInMemoryMax'),
    shortBodyBytesMax: DEFAULT_TUNING.shortBodyBytesMax,
    chunksInFlightMax: few('chunksInFlightMax'),
    spareVolumes: pick(random, [1, 1, 2]),
    openFilesMax: few('openFilesMax'),
    lookAgainMs: pick(random, [1000, 5000, DEFAULT_TUNING.lookAgainMs]),
    readBytesMax: pick(random, [MIB, DEFAULT_TUNING.readBytesMax]),
    copyPieceBytes: pick(random.fork('copies'), [KIB, 64 * KIB, DEFAULT_TUNING.copyPieceBytes]),
    copyPiecesAhead: pick(random.fork('copies ahead'), [0, 1, DEFAULT_TUNING.copyPiecesAhead]),
    copyTimeoutMs: DEFAULT_TUNING.copyTimeoutMs,
    copySyncBytes: pick(random.fork('copy syncs'), [KIB, 256 * KIB, DEFAULT_TUNING.copySyncBytes]),
  }
}

/** On the master's clock: a server that beats as it should must not count as suspect. */
const slowestHeartbeatMs = ([master = 1, ...servers]: readonly number[]): number =>
  (HEARTBEAT_MS * master) / Math.min(...servers)

const pick = <T>(random: SimRandom, items: readonly T[]): T => items[random.int(items.length)]!
