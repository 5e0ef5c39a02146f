/** Puts another log in the place of the one that is there, in one step: a crash leaves the old one or the new one. */
import { type Disk, DiskError } from '@dfs/core'
import { copyIntact, copyMended } from './copy.ts'
import { type BitFlip } from './log-bytes.ts'
import { type LogScan } from './scan.ts'

/** The log with some bits turned. Whoever wants the old one keeps a copy before. */
export const mendLog = (disk: Disk, name: string, flips: readonly BitFlip[]): Promise<void> =>
  replace(disk, name, (temporary) =>
    withFile(disk, name, (file) => copyMended(file, flips, { disk, name: temporary })),
  )

/** The log up to its last transaction before the first fault. Whoever wants the rest keeps a copy before. */
export const cutLog = (disk: Disk, name: string, scan: LogScan): Promise<void> =>
  replace(disk, name, (temporary) =>
    withFile(disk, name, (file) => copyIntact(file, scan, { disk, name: temporary })),
  )

async function replace(disk: Disk, name: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${name}.tmp`
  await disk.remove(temporary).catch((error: unknown) => {
    if (!(error instanceof DiskError && error.kind === 'missing')) throw error
  })
  await write(temporary)
  await disk.rename(temporary, name)
  await disk.syncDirectory('')
}

async function withFile<T>(
  disk: Disk,
  name: string,
  work: (file: Awaited<ReturnType<Disk['open']>>) => Promise<T>,
): Promise<T> {
  const file = await disk.open(name, 'existing')
  try {
    return await work(file)
  } finally {
    await file.close()
  }
}
