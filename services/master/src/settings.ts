/** What the master is configured with, beside its addresses. */
import { assert } from '@dfs/core'
import {
  CHUNK_SIZE_BYTES,
  type ClusterSettings,
  DEAD_AFTER_MS,
  FREE_SPACE_FLOOR_BYTES,
  HEARTBEAT_MS,
  MIB,
  type PublicAddress,
  REPLICAS_DEFAULT,
  REPLICAS_MIN_DEFAULT,
  SUSPECT_AFTER_MS,
  VOLUME_SIZE_BYTES,
} from '@dfs/protocol'
import { type LivenessLimits } from './domain/liveness.ts'
import { type RoomLimits } from './domain/placement.ts'

export interface MasterSettings {
  readonly cluster: ClusterSettings
  readonly liveness: LivenessLimits
  /** Where clients find the master itself. */
  readonly publicAddress: PublicAddress
  /** Time between two steps of each background worker: how soon a dead server is noticed. */
  readonly workersEveryMs: number
  /** With less room than this on its disk, the master takes no changes. */
  readonly freeSpaceFloorBytes: number
  /** Requests, and their commands, that share a transaction. One request always does, however many commands it has. */
  readonly requestsPerTransactionMax: number
  readonly commandsPerTransactionMax: number
  readonly metadataCopies: MetadataCopiesSettings
}

export interface MetadataCopiesSettings {
  /** Time between two pieces that are sent to the holders of copies. */
  readonly everyMs: number
  /** Change sets of a copy that are kept, however small the database is, before it begins anew with a snapshot. */
  readonly changesKeptBytes: number
  /** Whether results and look-ups wait until most holders have all that they rest on. */
  readonly isAwaited: boolean
}

export const DEFAULT_SETTINGS: MasterSettings = Object.freeze({
  cluster: Object.freeze({
    replicas: REPLICAS_DEFAULT,
    minReplicas: REPLICAS_MIN_DEFAULT,
    chunkSizeBytes: CHUNK_SIZE_BYTES,
    volumeSizeBytes: VOLUME_SIZE_BYTES,
  }),
  liveness: Object.freeze({ suspectAfterMs: SUSPECT_AFTER_MS, deadAfterMs: DEAD_AFTER_MS }),
  publicAddress: Object.freeze({ publicPort: 7070, advertisedUrl: null }),
  workersEveryMs: HEARTBEAT_MS,
  freeSpaceFloorBytes: FREE_SPACE_FLOOR_BYTES,
  // About 20 ms of work.
  requestsPerTransactionMax: 256,
  commandsPerTransactionMax: 512,
  metadataCopies: Object.freeze({ everyMs: 250, changesKeptBytes: 16 * MIB, isAwaited: false }),
})

/** Commit requests and look-up requests that wait at most; beyond it the answer is TOO_BUSY. */
export const COMMIT_QUEUE_MAX = 4096
export const LOOKUP_QUEUE_MAX = 16_384

/**
 * Bodies that the master passes on at once; beyond it a slow client loses its place or, if there is none, the answer is
 * TOO_BUSY, before the body is asked for. Each holds up to half a MiB here: what has come and is not sent, and what is kept to
 * start over.
 */
export const PASSED_BODIES_MAX = 64

/** What disks keep free, and how large volumes are. Servers have the floor that the master has. */
export const roomLimits = ({ cluster, freeSpaceFloorBytes }: MasterSettings): RoomLimits => ({
  volumeSizeBytes: cluster.volumeSizeBytes,
  chunkSizeBytes: cluster.chunkSizeBytes,
  freeSpaceFloorBytes,
})

/** Throws InvariantError if settings contradict each other. */
export function checkSettings({ cluster, liveness }: MasterSettings): void {
  assert(cluster.minReplicas >= 1 && cluster.minReplicas <= cluster.replicas, 'minReplicas is 1 to replicas')
  assert(cluster.replicas <= 9, 'a volume has at most 9 copies')
  assert(cluster.chunkSizeBytes < cluster.volumeSizeBytes, 'a chunk fits a volume')
  assert(liveness.suspectAfterMs < liveness.deadAfterMs, 'a server is suspect before it is dead')
}
