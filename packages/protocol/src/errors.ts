/**
 * The one catalogue of expected failures. Routes, CLI, gateway and documentation are derived from it: each code has one
 * HTTP status, one reply of the line protocol, a rule about retries, a title, and a text that says what to do.
 */

/**
 * `no`: the same request fails again. `yes`: nothing happened, try again. `same-id`: the outcome is unknown; a retry is
 * safe only under the same request id or where the operation is idempotent.
 */
export type Retry = 'no' | 'yes' | 'same-id'

export interface ErrorEntry {
  readonly status: number
  readonly line: string
  readonly retry: Retry
  readonly title: string
  readonly fix: string
}

const entry = (status: number, line: string, retry: Retry, title: string, fix: string): ErrorEntry =>
  Object.freeze({ status, line, retry, title, fix })

export const ERRORS = Object.freeze({
  FILE_NOT_FOUND: entry(
    404,
    'FILE_NOT_FOUND',
    'no',
    'No such file',
    'Check the path; list its directory with GET /v1/directories/{path}.',
  ),
  DIRECTORY_NOT_FOUND: entry(
    404,
    'FILE_NOT_FOUND',
    'no',
    'No such directory',
    'Check the path; create it with PUT /v1/directories/{path}.',
  ),
  ROUTE_NOT_FOUND: entry(
    404,
    'INVALID_REQUEST_ERROR',
    'no',
    'No such resource',
    'See /openapi.json for what this service answers.',
  ),
  METHOD_NOT_ALLOWED: entry(
    405,
    'INVALID_REQUEST_ERROR',
    'no',
    'Method not allowed here',
    'See /openapi.json for the methods of this resource.',
  ),
  FILE_EXISTS: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'The file exists already',
    'To overwrite a file, PUT its content; otherwise choose another name.',
  ),
  IS_A_DIRECTORY: entry(
    409,
    'FILE_NOT_FOUND',
    'no',
    'The path names a directory',
    'Use /v1/directories/{path}, or name a file.',
  ),
  NOT_A_DIRECTORY: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'A part of the path is not a directory',
    'Choose a path whose parents are directories.',
  ),
  IS_A_LINK: entry(
    409,
    'FILE_NOT_FOUND',
    'no',
    'The path names a symbolic link',
    'Links are never followed: read its target with GET /v1/links/{path}.',
  ),
  NOT_A_LINK: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'The path does not name a symbolic link',
    'Read it with GET /v1/files/{path} or GET /v1/directories/{path}.',
  ),
  DIRECTORY_NOT_EMPTY: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'The directory is not empty',
    'Delete what it holds first, or repeat with ?recursive=true.',
  ),
  MOVE_INTO_ITSELF: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'A directory cannot move into itself',
    'Choose a target outside of the directory.',
  ),
  INVALID_PATH: entry(
    400,
    'INVALID_NAME_ERROR',
    'no',
    'The path is not valid',
    'Use UTF-8 without control characters; segments of 1 to 255 bytes, none of them "." or ".."; 4,096 bytes in all.',
  ),
  INVALID_REQUEST: entry(
    400,
    'INVALID_REQUEST_ERROR',
    'no',
    'The request is not valid',
    'Correct what the detail names; see /openapi.json.',
  ),
  DIGEST_MISMATCH: entry(
    400,
    'STORAGE_ERROR',
    'no',
    'The content does not match its digest',
    'Compute the digest over exactly the bytes sent; nothing was stored.',
  ),
  LENGTH_MISMATCH: entry(
    400,
    'INVALID_REQUEST_ERROR',
    'yes',
    'The body has another length than announced',
    'Send exactly Content-Length bytes; nothing was stored.',
  ),
  REQUEST_TIMEOUT: entry(
    408,
    'TIMEOUT_ERROR',
    'yes',
    'The request came too slowly',
    'Send the body without long pauses; nothing was stored.',
  ),
  PRECONDITION_FAILED: entry(
    412,
    'COPY_ERROR',
    'no',
    'A precondition does not hold',
    'Read the current ETag and decide again.',
  ),
  PAYLOAD_TOO_LARGE: entry(
    413,
    'FILE_TOO_LARGE_ERROR',
    'no',
    'The body is too large',
    'Send less; the detail names the limit.',
  ),
  URI_TOO_LONG: entry(
    414,
    'INVALID_NAME_ERROR',
    'no',
    'The request target is too long',
    'Paths have at most 4,096 bytes.',
  ),
  UNSUPPORTED_ENCODING: entry(
    415,
    'STORAGE_ERROR',
    'no',
    'Content-Encoding is not supported',
    'Send the bytes as they should be stored, without Content-Encoding.',
  ),
  UNSUPPORTED_MEDIA_TYPE: entry(
    415,
    'INVALID_REQUEST_ERROR',
    'no',
    'The media type is not supported here',
    'Send application/json.',
  ),
  RANGE_NOT_SATISFIABLE: entry(
    416,
    'STORAGE_ERROR',
    'no',
    'The range lies outside of the file',
    'Content-Range of this answer has the file size.',
  ),
  IDEMPOTENCY_KEY_REUSED: entry(
    422,
    'INVALID_REQUEST_ERROR',
    'no',
    'The Idempotency-Key belongs to another request',
    'Use a new key for each new request, and the same one to repeat it unchanged; nothing was done.',
  ),
  FOREIGN_HOST: entry(
    421,
    'ACCESS_DENIED_ERROR',
    'no',
    'This Host is not served here',
    'Use a name of this service, or allow yours in DFS_ALLOWED_HOSTS.',
  ),
  FILE_LOCKED_ERROR: entry(
    423,
    'FILE_LOCKED_ERROR',
    'yes',
    'The file is locked',
    'Wait until the lock is released or expires.',
  ),
  HEADERS_TOO_LARGE: entry(
    431,
    'INVALID_REQUEST_ERROR',
    'no',
    'The headers are too large',
    'Headers have at most 32 KiB.',
  ),
  FOREIGN_ORIGIN: entry(
    403,
    'ACCESS_DENIED_ERROR',
    'no',
    'Requests from this web origin are refused',
    'Only pages of the cluster itself may change files from a browser.',
  ),
  ACCESS_DENIED: entry(
    403,
    'ACCESS_DENIED_ERROR',
    'no',
    'Access denied',
    'Nodes prove knowledge of the cluster key: give every node the same key file.',
  ),
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
    'See GET /v1/servers for servers that are down; try again when they are back.',
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
    'The master does not start: see docs/operating.md, and its log for what is damaged.',
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
  INSUFFICIENT_SPACE: entry(
    507,
    'COPY_ERROR',
    'yes',
    'Not enough space',
    'Delete files or add chunk servers; nothing was stored.',
  ),

  // Between nodes only.
  VOLUME_SEALED: entry(
    409,
    'STORAGE_ERROR',
    'yes',
    'The volume takes no more records',
    'Append to another volume.',
  ),
  VOLUME_NOT_FOUND: entry(404, 'STORAGE_ERROR', 'no', 'No such volume here', 'Look the file up again.'),
  BEYOND_LENGTH: entry(416, 'STORAGE_ERROR', 'no', 'This copy is shorter than that', 'Read another copy.'),
  DAMAGED: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'The bytes of this copy do not match their checksum',
    'Read another copy.',
  ),
  OFFSET_CONFLICT: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'Bytes at this offset were sent before, or some are missing',
    'Seal the volume and go on in another one.',
  ),
  STALE_INCARNATION: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'The sender is not the incarnation that may do this',
    'A newer process with this identity is running; this one must end.',
  ),
  STALE_EPOCH: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'The master is older than one seen before',
    'Its database was restored from a backup, or an old master is still running.',
  ),
  UNKNOWN_SERVER: entry(404, 'STORAGE_ERROR', 'no', 'The server is not registered', 'Register again.'),
  WRONG_CLUSTER: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'The data belongs to another cluster',
    'Start the server with the data directory of this cluster, or an empty one.',
  ),
  OUTDATED_PROGRAM: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'The program is too old for what the cluster has written',
    'Start the version that the other nodes run, or a newer one.',
  ),
} satisfies Record<string, ErrorEntry>)

export type ErrorCode = keyof typeof ERRORS

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(ERRORS, value)

export interface DfsErrorOptions extends ErrorOptions {
  /** It is the stored answer to an earlier request under the same idempotency key. */
  readonly isReplay?: boolean
}

/** An expected failure, named by its code. `detail` says what exactly, for a person; it may name the client's own input. */
export class DfsError extends Error {
  override readonly name = 'DfsError'
  readonly code: ErrorCode
  readonly detail: string
  readonly isReplay: boolean

  constructor(code: ErrorCode, detail: string, options: DfsErrorOptions = {}) {
    super(`${code}: ${detail}`, options)
    this.code = code
    this.detail = detail
    this.isReplay = options.isReplay === true
  }
}
