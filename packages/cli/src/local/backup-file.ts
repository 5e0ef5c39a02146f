/**
 * Where a backup of the metadata lands: written under a temporary name beside its final one, synced, looked at as SQLite sees it, and
 * only then renamed. So what has the final name is a whole backup, whatever happens.
 */
import { constants } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { type BackupInfo, DfsError, formatPosition } from '@dfs/protocol'
import { type Random } from '@dfs/core'
import { isLocalError } from '../exit-codes.ts'

export interface BackupContent {
  readonly info: BackupInfo
  /** Rejects if not all of it comes. */
  readonly body: AsyncIterable<Uint8Array>
}

export interface BackupTarget {
  /** A file, or a directory for one that is named after the backup; the present directory if it is null. */
  readonly operand: string | null
  /** Whether what has the name is replaced. */
  readonly isForced: boolean
}

/** The name that a backup has by itself: another one for each position. */
const nameOf = ({ position }: BackupInfo): string =>
  `dfs-metadata-${position.counter}-${position.sequence}.db`

/** Resolves to where it is to be. Throws FILE_EXISTS. */
export async function pathOf({ operand, isForced }: BackupTarget, info: BackupInfo): Promise<string> {
  const isDirectory = operand === null || operand.endsWith('/') || (await kindOf(operand)) === 'directory'
  const path = isDirectory ? join(operand ?? '.', nameOf(info)) : operand
  await requireFree(path, isForced)
  return path
}

/** Throws FILE_EXISTS, METADATA_DAMAGED, and what goes wrong on the disk; nothing has the name then that had not before. */
export async function landBackup(
  path: string,
  { info, body }: BackupContent,
  { isForced, random }: { readonly isForced: boolean; readonly random: Random },
): Promise<void> {
  const temporary = join(dirname(path), `.dfs-${random.bytes(8).toHex()}.part`)
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const file = await open(temporary, flags, 0o600)
    try {
      for await (const piece of body) await file.writeFile(piece)
      await file.sync()
    } finally {
      await file.close()
    }
    requireSound(temporary, info)
    await requireFree(path, isForced)
    await rename(temporary, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** As SQLite sees it, without making any file beside it. Throws METADATA_DAMAGED. */
function requireSound(path: string, info: BackupInfo): void {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  const database = new DatabaseSync(url, { readOnly: true })
  try {
    const says = (pragma: string): unknown => database.prepare(`PRAGMA ${pragma}`).get()?.[pragma]
    const verdict = says('integrity_check')
    if (verdict !== 'ok') throw damaged(`SQLite says of it: ${String(verdict)}`)
    const row = database.prepare('SELECT cluster_id, epoch AS counter, nonce, sequence FROM state').get()
    const { cluster_id: clusterId, ...position } = row as unknown as Position
    const [said, found] = [describe(info.clusterId, info.position), describe(clusterId, position)]
    if (found !== said) throw damaged(`it was to be ${said}, and is ${found}`)
    if (says('user_version') !== info.schema) throw damaged(`its tables are not of schema ${info.schema}`)
  } catch (error) {
    if (error instanceof DfsError) throw error
    throw damaged(`SQLite cannot read it: ${error instanceof Error ? error.message : String(error)}`, error)
  } finally {
    database.close()
  }
}

type Position = BackupInfo['position'] & { readonly cluster_id: string }

const describe = (clusterId: string, position: BackupInfo['position']): string =>
  `cluster ${clusterId} at ${formatPosition(position)}`

const damaged = (why: string, cause?: unknown): DfsError =>
  new DfsError('METADATA_DAMAGED', `the backup that came is of no use, and was not kept: ${why}`, { cause })

async function requireFree(path: string, isForced: boolean): Promise<void> {
  const kind = await kindOf(path)
  if (kind === 'nothing' || (kind === 'file' && isForced)) return
  const what = kind === 'file' ? 'is there already: --force replaces it' : 'is there, and no file'
  throw new DfsError('FILE_EXISTS', `${path} ${what}`)
}

async function kindOf(path: string): Promise<'file' | 'directory' | 'other' | 'nothing'> {
  try {
    const stats = await stat(path)
    return stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other'
  } catch (error) {
    if (isLocalError(error) && error.code === 'ENOENT') return 'nothing'
    throw error
  }
}

/** The name survives a power cut too. Windows cannot open a directory, and keeps names by itself. */
async function syncDirectory(directory: string): Promise<void> {
  if (sep === '\\') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
