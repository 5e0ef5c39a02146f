/** Errors of the tree of files: what is, or is not, at a path. Part of the catalogue in `../errors.ts`. */
import { entry, type ErrorEntry } from './entry.ts'

export const NAMESPACE_ERRORS = {
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
  PRECONDITION_FAILED: entry(
    412,
    'COPY_ERROR',
    'no',
    'A precondition does not hold',
    'Read the current ETag and decide again.',
  ),
  FILE_LOCKED_ERROR: entry(
    423,
    'FILE_LOCKED_ERROR',
    'yes',
    'The file is locked',
    'Wait until the lock is released or expires.',
  ),
} satisfies Record<string, ErrorEntry>
