/**
 * The path in a request's target, taken from what came over the wire. The router has decoded the wildcard whole, some
 * of it twice over, so its result is not used: the raw target is cut after the resource's literal prefix and decoded
 * once, here and nowhere else. `%2F` is a separator like `/`, so everything after the prefix is decoded first and split
 * later, by the one rule for paths.
 */
import { DfsError, type FilePath, parseDirectoryPath, parseFilePath, ROOT } from '@dfs/protocol'

export type Resource = 'files' | 'directories' | 'links' | 'entries' | 'explain'

/** The file's path in `target`. Throws INVALID_PATH, or ROUTE_NOT_FOUND for a prefix that is spelled with escapes. */
export const filePathIn = (target: string, resource: Resource): FilePath =>
  parseFilePath(decodedRest(target, resource))

/** The same for a directory: nothing is the root, and one trailing slash is allowed. */
export function directoryPathIn(target: string, resource: Resource): FilePath {
  const text = decodedRest(target, resource)
  return text === '' ? ROOT : parseDirectoryPath(text)
}

function decodedRest(target: string, resource: Resource): string {
  const queryAt = target.indexOf('?')
  const path = queryAt === -1 ? target : target.slice(0, queryAt)
  const collection = `/v1/${resource}`
  if (path === collection) return ''
  if (!path.startsWith(`${collection}/`)) {
    throw new DfsError('ROUTE_NOT_FOUND', `write ${collection}/ without percent sequences`)
  }
  const text = decode(path.slice(collection.length + 1))
  // The rule for paths allows one leading slash, which in a target would be an empty first segment.
  if (text.startsWith('/')) throw new DfsError('INVALID_PATH', 'the path has an empty segment')
  return text
}

function decode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw new DfsError('INVALID_PATH', 'the path has a bad percent sequence or is not UTF-8', {
      cause: error,
    })
  }
}
