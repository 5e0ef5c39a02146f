/**
 * Numbers that decide how much a chunk server does at once, and for how long it waits. None of them is part of a promise: with
 * smaller ones the same things hold, sooner or later. (Larger batches the master would refuse.) The simulator draws others than
 * these, so that what is rare with them (a full batch, an answer that comes too late, a file that had to be closed) happens all
 * the time.
 */
import {
  COMMIT_BATCH_COMMANDS_MAX,
  HEARTBEAT_MS,
  LOOKUP_BATCH_MAX,
  MIB,
  REPLICATION_BATCH_BYTES_MAX,
  REPLICATION_TIMEOUT_MS,
} from '@dfs/protocol'

export interface Tuning {
  /** A replica that has not synced a batch by then has failed. */
  readonly replicationTimeoutMs: number
  /** What shares a write and a sync of all copies. One record always does, however large. */
  readonly batchRecordsMax: number
  readonly batchBytesMax: number
  /** What shares a call to the master, and how long its answer is waited for. */
  readonly commitsPerCallMax: number
  readonly commitTimeoutMs: number
  readonly lookupsPerCallMax: number
  readonly lookupTimeoutMs: number
  /** Answers to registrations, heartbeats, and requests for volumes. */
  readonly sessionTimeoutMs: number
  readonly allocationTimeoutMs: number
  /** A copy that has not given its bytes by then is given up, whatever the budget; so is a disk call that hangs. */
  readonly readPatienceMs: number
  /** A read of bytes that no copy has given by then is given up: its client is told within five seconds. */
  readonly readWithinMs: number
  /** Chunks of long bodies in memory at once; what the peers' connections and the collector hold comes on top. */
  readonly chunksInMemoryMax: number
  /** Bytes of short bodies in memory, from when they come until their write is answered. */
  readonly shortBodyBytesMax: number
  /** Bytes of files in memory on their way to readers, at once. */
  readonly readBytesMax: number
  /** Chunks of one body that are being replicated while the next one is read. */
  readonly chunksInFlightMax: number
  /** Volumes of each kind that are kept ready. */
  readonly spareVolumes: number
  /** Logs that are open while nobody appends to them. */
  readonly openFilesMax: number
  /** Time between two attempts to read the copies that could not be read. */
  readonly lookAgainMs: number
  /** What a copy that is made from others asks for at once, and how many of these before the last was looked at. */
  readonly copyPieceBytes: number
  readonly copyPiecesAhead: number
  /** A source that has not given a piece by then is left for another one. */
  readonly copyTimeoutMs: number
  /** Written between two syncs, while no client would wait for them. */
  readonly copySyncBytes: number
}

export const DEFAULT_TUNING: Tuning = Object.freeze({
  replicationTimeoutMs: REPLICATION_TIMEOUT_MS,
  batchRecordsMax: 512,
  batchBytesMax: REPLICATION_BATCH_BYTES_MAX,
  commitsPerCallMax: COMMIT_BATCH_COMMANDS_MAX,
  commitTimeoutMs: 5000,
  lookupsPerCallMax: LOOKUP_BATCH_MAX,
  lookupTimeoutMs: 5000,
  sessionTimeoutMs: 2 * HEARTBEAT_MS,
  allocationTimeoutMs: 3000,
  readPatienceMs: 3000,
  readWithinMs: 4500,
  // 48 MiB.
  chunksInMemoryMax: 12,
  shortBodyBytesMax: 64 * MIB,
  readBytesMax: 64 * MIB,
  chunksInFlightMax: 3,
  spareVolumes: 1,
  // Half of the files that systems commonly allow a process (1024); connections and open volumes need the rest.
  openFilesMax: 512,
  lookAgainMs: 60_000,
  // Smaller ones cost more calls; larger ones more memory, and are no faster.
  copyPieceBytes: 4 * MIB,
  copyPiecesAhead: 2,
  copyTimeoutMs: 10_000,
  copySyncBytes: 32 * MIB,
})
