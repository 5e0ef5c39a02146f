/** Errors that nodes of a cluster tell each other; no client sees them. Part of the catalogue in `../errors.ts`. */
import { entry, type ErrorEntry } from './entry.ts'

export const NODE_ERRORS = {
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
  SERVER_REMOVED: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'This chunk server was removed from the cluster',
    'Empty its data directory (what it has counts for nothing any more) and start it again: it joins as a new server.',
  ),
  OUTDATED_PROGRAM: entry(
    409,
    'STORAGE_ERROR',
    'no',
    'The program is too old for what the cluster has written',
    'Start the version that the other nodes run, or a newer one.',
  ),
} satisfies Record<string, ErrorEntry>
