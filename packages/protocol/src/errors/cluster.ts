/** Errors of the cluster's state: a request that was right could not be carried out now. Part of the catalogue in `../errors.ts`. */
import { entry, type ErrorEntry } from './entry.ts'

export const CLUSTER_ERRORS = {
  INTERNAL: entry(
    500,
    'STORAGE_ERROR',
    'same-id',
    'Something is wrong inside',
    'This is a bug: report it with the request id and the logs.',
  ),
  COPY_ERROR: entry(
    503,
    'COPY_ERROR',
    'yes',
    'The copies could not be made',
    'Too few chunk servers are available; see GET /v1/servers. Nothing was stored; try again.',
  ),
  DATA_UNAVAILABLE: entry(
    503,
    'STORAGE_ERROR',
    'yes',
    'No intact copy can be reached now',
    'Start the servers that the detail names, each with the disk that it had: the bytes can be read when one of them is back. Bytes that are wrong on every server have to come from elsewhere. `dfs why` tells of each copy, as GET /v1/explain/{path} does.',
  ),
  UNAVAILABLE: entry(
    503,
    'STORAGE_ERROR',
    'yes',
    'The service is not ready',
    'It is starting, stopping, or cannot reach the master; try again.',
  ),
  METADATA_DAMAGED: entry(
    503,
    'STORAGE_ERROR',
    'no',
    'The metadata is damaged',
    'See docs/operating.md. What is damaged is said here, or in the log of a master that does not start.',
  ),
  TOO_BUSY: entry(
    503,
    'STORAGE_ERROR',
    'yes',
    'Too much is waiting',
    'Try again after Retry-After seconds, with fewer requests at once.',
  ),
  TIMEOUT_ERROR: entry(
    504,
    'TIMEOUT_ERROR',
    'same-id',
    'No definite outcome in time',
    'The change may or may not have happened: repeat it under the same Idempotency-Key, or read the file before you decide.',
  ),
  SERVER_NOT_FOUND: entry(
    404,
    'INVALID_REQUEST_ERROR',
    'no',
    'There is no such chunk server',
    'See `dfs status`, or GET /v1/servers, for those that there are.',
  ),
  SERVER_ALIVE: entry(
    409,
    'INVALID_REQUEST_ERROR',
    'no',
    'The chunk server is not gone',
    'Only one that is gone for good is removed: stop it, and ask again when it has been silent for as long as the detail says.',
  ),
  WOULD_LOSE_FILES: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'Files may be on that chunk server alone',
    'Bring its disk back, or wait until the others have read their copies. If it is lost, give the files up: --accept-loss, or "acceptLoss": true.',
  ),
  INSUFFICIENT_SPACE: entry(
    507,
    'COPY_ERROR',
    'yes',
    'Not enough space',
    'Delete files or add chunk servers; nothing was stored.',
  ),
} satisfies Record<string, ErrorEntry>
