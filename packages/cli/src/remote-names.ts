/** How operands name places in the cluster. */
import {
  DfsError,
  type FilePath,
  joinPath,
  parseDirectoryPath,
  parseFilePath,
  ROOT,
  segmentsOf,
} from '@dfs/protocol'

/** Whether an operand says "into this directory" rather than "under this name". */
export const namesDirectory = (operand: string): boolean => operand === '' || operand.endsWith('/')

/** The last segment of a path; INVALID_PATH for the root, which has no name. */
export function baseNameOf(path: FilePath): string {
  const name = segmentsOf(path).at(-1)
  if (name === undefined) throw new DfsError('INVALID_PATH', 'the root has no name of its own')
  return name
}

/** Where something called `name` goes when the operand is `operand`: under that name, or into that directory. */
export function destinationOf(operand: string, name: string): FilePath {
  return namesDirectory(operand) ? joinPath(parseDirectoryPath(operand), name) : parseFilePath(operand)
}

/** A path relative to `directory`, as listings have it, checked: a server's word is no reason to write elsewhere. */
export function below(directory: FilePath, relative: string): FilePath {
  return parseFilePath(directory === ROOT ? `/${relative}` : `${directory}/${relative}`)
}
