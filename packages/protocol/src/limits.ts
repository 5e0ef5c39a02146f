/** Every maximum of the system that more than one package knows, in one place. Sizes in bytes, times in milliseconds. */
import { assert } from '@dfs/core'

export const KIB = 1024
export const MIB = 1024 * KIB

/** A path in UTF-8, and one of its segments. */
export const PATH_BYTES_MAX = 4096
export const SEGMENT_BYTES_MAX = 255

/** The most of one file that is kept as one record. */
export const CHUNK_SIZE_BYTES = 4 * MIB
/** The unit of checksums. */
export const BLOCK_SIZE_BYTES = 64 * KIB
/** Bodies up to this go to the volumes for small writes, so that they never wait behind large batches. */
export const SMALL_WRITE_BYTES_MAX = 256 * KIB
/** A file: chunk numbers stay well within 32 bits. */
export const FILE_BYTES_MAX = 2 ** 44

export const VOLUME_SIZE_BYTES = 256 * MIB
export const VOLUMES_PER_REQUEST_MAX = 8
/** What one replication call carries at most (one chunk with its header always fits). */
export const REPLICATION_BATCH_BYTES_MAX = 8 * MIB
/** A call between nodes: a full batch and its head. */
export const WIRE_BODY_BYTES_MAX = REPLICATION_BATCH_BYTES_MAX + 64 * KIB

/** Copies that one page of a registration tells of (nodes/membership.ts). */
export const REPORTS_PER_PAGE_MAX = 2000
/** Orders in one reply: a server carries out some ten a second, and what is left comes again. */
export const ORDERS_PER_REPLY_MAX = 64
export const DROPPED_PER_HEARTBEAT_MAX = 1000
/** Copies that one server makes at the same time, or waits to make; what is ordered beyond them comes again. */
export const COPY_JOBS_PER_HEARTBEAT_MAX = 64
/** Servers that an order to copy names, and ranges of a copy that its job names as lost. */
export const COPY_SOURCES_MAX = 8
export const LOST_RANGES_PER_JOB_MAX = 10

/** A disk with less room than this takes no more content; what is left is for what must be written all the same. */
export const FREE_SPACE_FLOOR_BYTES = 128 * MIB

export const COMMIT_BATCH_COMMANDS_MAX = 512
export const LOOKUP_BATCH_MAX = 512
/** Chunks that one look-up returns at most; readers of longer files page. */
export const LOOKUP_CHUNKS_MAX = 64
export const LIST_PAGE_ENTRIES_MAX = 1000
export const LIST_PAGE_ENTRIES_DEFAULT = 100

export const REPLICAS_DEFAULT = 3
export const REPLICAS_MIN_DEFAULT = 2

/** Request line and headers together; a percent-encoded path of the longest kind fits. */
export const HEADER_BYTES_MAX = 32 * KIB
export const JSON_BODY_BYTES_MAX = 64 * KIB
export const CONTENT_TYPE_BYTES_MAX = 255
export const LINK_TARGET_BYTES_MAX = PATH_BYTES_MAX

/** An `Idempotency-Key`, without its quotes. */
export const IDEMPOTENCY_KEY_BYTES_MAX = 255
/** How long the answer to a request with a key is kept, in cluster time. */
export const IDEMPOTENCY_KEPT_MS = 24 * 3600 * 1000
/** If so many newer keys have come, an answer may be forgotten before its time: the keys of hours at full load. */
export const IDEMPOTENCY_KEYS_KEPT_MIN = 2 ** 22

export const HEARTBEAT_MS = 1000
export const SUSPECT_AFTER_MS = 4000
export const DEAD_AFTER_MS = 20_000
/** A replica that has not answered by then is late, and its volume is sealed. */
export const REPLICATION_TIMEOUT_MS = 2000
/** How long a node that starts waits for volumes with all copies before it is ready without them. */
export const START_WAIT_MS = 30_000
/**
 * How long one client request takes at most, whatever it passes through, from the moment when the server has all that it needs
 * of the client: the head, the parsed JSON body, or the last byte of a file's body. While a body arrives, each part that was
 * read has as long to be stored, and the server keeps no client waiting for longer before it reads on; how long the client
 * itself may pause is the body reader's own limit. An answer that has begun goes on for as long as its client takes it, and
 * each look-up for more of it has as long again.
 */
export const REQUEST_DEADLINE_MS = 20_000

assert(BLOCK_SIZE_BYTES * 64 === CHUNK_SIZE_BYTES, 'a chunk is 64 blocks')
assert(CHUNK_SIZE_BYTES < REPLICATION_BATCH_BYTES_MAX, 'a chunk fits a batch')
assert(HEADER_BYTES_MAX > 3 * PATH_BYTES_MAX + 8 * KIB, 'the longest path fits the request line')
assert(SUSPECT_AFTER_MS > 2 * HEARTBEAT_MS && DEAD_AFTER_MS > SUSPECT_AFTER_MS, 'liveness has an order')
