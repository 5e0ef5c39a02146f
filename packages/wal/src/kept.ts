/**
 * Files of the metadata that are kept aside under a dated name, for people: what a start changed, or could not use. The
 * file that is named last is there only when all others are: by it a set is known.
 */
import { type Disk, DiskError } from '@dfs/core'
import { copyBytes } from './copy.ts'

/**
 * `torn`: before a start without the last transaction. `mended`: before a start from a log in which a bit was turned back.
 * `damaged`: before a start without what stood behind the damage, as somebody wanted.
 */
export type KeptReason = 'torn' | 'mended' | 'damaged'

export interface Kept {
  /** What the names of its files begin with. */
  readonly prefix: string
  readonly reason: KeptReason
}

export interface KeepWish {
  readonly reason: KeptReason
  /** Names the files. */
  readonly nowWallMs: number
  /** What to copy, the log as the last. */
  readonly files: readonly KeptFile[]
}

export interface KeptFile {
  readonly name: string
  /** Null for all of it. */
  readonly range: { readonly from: number; readonly to: number } | null
}

const UNFINISHED = 'kept.tmp'
const NAME = /^(kept-\d{8}T\d{9}Z-(torn|mended|damaged)-)(.*)$/

/** Copies files to their kept names; durable when it resolves. A full disk leaves nothing behind that {@link listKept} names. */
export async function keepAside(disk: Disk, { reason, nowWallMs, files }: KeepWish): Promise<Kept> {
  const stamp = new Date(nowWallMs).toISOString().replaceAll(/[-:.]/g, '')
  const prefix = `kept-${stamp}-${reason}-`
  for (const { name, range } of files) {
    await disk.remove(UNFINISHED).catch(ignoreMissing)
    const file = await disk.open(name, 'existing')
    try {
      await copyBytes(file, { disk, name: UNFINISHED }, range)
    } finally {
      await file.close()
    }
    await disk.rename(UNFINISHED, prefix + name)
    await disk.syncDirectory('')
  }
  return { prefix, reason }
}

/** Sets whose file `last` is there, the oldest first. */
export async function listKept(disk: Disk, last: string): Promise<Kept[]> {
  return (await disk.list('')).flatMap((name) => {
    const [, prefix, reason, file] = NAME.exec(name) ?? []
    return prefix === undefined || file !== last ? [] : [{ prefix, reason: reason as KeptReason }]
  })
}

/** Removes the files of a set that nobody needs any more. */
export async function removeKept(disk: Disk, { prefix }: Kept): Promise<void> {
  for (const name of await disk.list('')) if (name.startsWith(prefix)) await disk.remove(name)
  await disk.syncDirectory('')
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof DiskError && error.kind === 'missing')) throw error
}
