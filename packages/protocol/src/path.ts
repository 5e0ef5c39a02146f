/**
 * The one rule for names, used by every entrance. A path is kept exactly as given: no normalisation, so what was stored
 * under NFD is found under NFD alone. Names are metadata: none of them ever becomes a name on a disk.
 */
import { utf8 } from '@dfs/core'
import { DfsError } from './errors.ts'
import { PATH_BYTES_MAX, SEGMENT_BYTES_MAX } from './limits.ts'

declare const brand: unique symbol
/** A checked absolute path: `/` is the root, all others start with `/` and do not end with it. */
export type FilePath = string & { readonly [brand]: 'FilePath' }

export const ROOT = '/' as FilePath

/** Parses `text`, with or without its leading `/`. Throws INVALID_PATH. A file's path has no trailing slash. */
export function parseFilePath(text: string): FilePath {
  const path = parse(text)
  if (path === ROOT) throw new DfsError('INVALID_PATH', 'a file needs a name')
  return path
}

/** The same for a directory: the empty text is the root, and one trailing slash is allowed. */
export function parseDirectoryPath(text: string): FilePath {
  return parse(text !== '/' && text.endsWith('/') ? text.slice(0, -1) : text)
}

const SEGMENT_PATTERN = '(?!\\.{1,2}(?:/|$))[^/\\u0000-\\u001f\\u007f-\\u009f]+'
/** What {@link parseFilePath} takes without its leading slash, but for the lengths in bytes; for the document of the API. */
export const FILE_PATH_PATTERN = `^${SEGMENT_PATTERN}(?:/${SEGMENT_PATTERN})*$`
/** The same for {@link parseDirectoryPath}. */
export const DIRECTORY_PATH_PATTERN = `^${SEGMENT_PATTERN}(?:/${SEGMENT_PATTERN})*/?$`

/** The segments of a path; none for the root. */
export function segmentsOf(path: FilePath): string[] {
  return path === ROOT ? [] : path.slice(1).split('/')
}

/** `directory` and a name in it, put together; the result is checked. */
export function joinPath(directory: FilePath, name: string): FilePath {
  return parse(directory === ROOT ? `/${name}` : `${directory}/${name}`)
}

/** A path as it stands in a URL: each segment percent-encoded, without the leading slash. */
export function encodePath(path: FilePath): string {
  return segmentsOf(path).map(encodeURIComponent).join('/')
}

function parse(text: string): FilePath {
  const path = text.startsWith('/') ? text : `/${text}`
  if (path === ROOT) return ROOT
  if (!path.isWellFormed()) throw new DfsError('INVALID_PATH', 'the path is not valid UTF-8')
  if (isLonger(path, PATH_BYTES_MAX)) {
    throw new DfsError('INVALID_PATH', `the path is longer than ${PATH_BYTES_MAX} bytes`)
  }
  for (const segment of path.slice(1).split('/')) checkSegment(segment)
  return path as FilePath
}

function checkSegment(segment: string): void {
  if (segment === '') throw new DfsError('INVALID_PATH', 'the path has an empty segment')
  if (segment === '.' || segment === '..') throw new DfsError('INVALID_PATH', `"${segment}" is not a name`)
  if (isLonger(segment, SEGMENT_BYTES_MAX)) {
    throw new DfsError('INVALID_PATH', `a name is longer than ${SEGMENT_BYTES_MAX} bytes`)
  }
  // C0, DEL and C1: nothing that a terminal or a log would act on.
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f-\u009f]/.test(segment)) {
    throw new DfsError('INVALID_PATH', 'a name holds a control character')
  }
}

/** Whether a text has more than `bytesMax` bytes in UTF-8; a UTF-16 unit becomes three at most, so short texts need no look. */
const isLonger = (text: string, bytesMax: number): boolean =>
  text.length * 3 > bytesMax && utf8(text).byteLength > bytesMax
