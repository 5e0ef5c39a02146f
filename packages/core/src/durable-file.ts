/**
 * The one way a small file is replaced durably: write a temporary file, sync it, rename it over the old one, sync the
 * directory. A crash at any moment leaves the old content or the new, never a mixture and never an empty file.
 */
import { type Disk, DiskError } from './disk.ts'

const parentOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')))

/** Replaces `name` with `bytes`; durable when it resolves. One writer for each name at a time. */
export async function writeDurably(disk: Disk, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${name}.tmp`
  await disk.remove(temporary).catch(ignoreMissing)
  const file = await disk.open(temporary, 'create')
  try {
    await file.appendv([bytes])
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, name)
  await disk.syncDirectory(parentOf(name))
}

/** The whole content of a small file, or null when there is none. */
export async function readWhole(disk: Disk, name: string): Promise<Uint8Array | null> {
  const file = await disk.open(name, 'existing').catch((error: unknown) => {
    ignoreMissing(error)
    return null
  })
  if (file === null) return null
  try {
    const bytes = new Uint8Array(await file.size())
    const count = await file.readInto(0, bytes)
    return bytes.subarray(0, count)
  } finally {
    await file.close()
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof DiskError && error.kind === 'missing')) throw error
}
