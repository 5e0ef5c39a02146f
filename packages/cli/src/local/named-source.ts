/**
 * What an operand of put leads to. A link that is named is followed, as `cp` does it: whoever writes its name wants the
 * bytes. With `-r` it is stored as a link, like those inside of a tree, so that `put -r * /there` copies no tree twice.
 *
 * The names that a shell makes for open files (`<(command)`, `/dev/stdin`, `/dev/fd/3`) are links, too, into a place that
 * is gone with the process. They are read in either case, and so is a link to a pipe or a device.
 */
import { type Stats } from 'node:fs'
import { lstat, readlink, realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isLocalError, UsageError } from '../exit-codes.ts'

/** A stream is a pipe or a device: it is read once, to its end. */
export type NamedKind = 'file' | 'directory' | 'link' | 'stream'

/** Whether the operand is another name of standard input. It may be a socket, which cannot be opened by any name. */
export const namesInput = (operand: string): boolean =>
  operand === '-' || ['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0'].includes(resolve(operand))

/** Rejects with the error of the file system. */
export async function namedKind(path: string, { isTree }: { readonly isTree: boolean }): Promise<NamedKind> {
  const stats = await lstat(path)
  if (!stats.isSymbolicLink()) return kindOf(path, stats)
  if (!isTree || (await isOpenFile(path))) return kindOf(path, await stat(path))
  // Where it leads is of no interest here, except to what cannot be stored as a link.
  const behind = await stat(path).catch(ifLocal)
  return behind !== null && isStream(behind) ? 'stream' : 'link'
}

function kindOf(path: string, stats: Stats): NamedKind {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  if (isStream(stats)) return 'stream'
  throw new UsageError(`${path} is a socket, which cannot be read`)
}

const isStream = (stats: Stats): boolean =>
  stats.isFIFO() || stats.isCharacterDevice() || stats.isBlockDevice()

/** Whether a link stands for a file that some process has open. */
async function isOpenFile(link: string): Promise<boolean> {
  const directory = await realpath(dirname(link))
  return [directory, dirname(await readlink(link))].some((each) => /^\/proc\/(?:self|[0-9]+)\/fd$/.test(each))
}

function ifLocal(error: unknown): null {
  if (isLocalError(error)) return null
  throw error
}
