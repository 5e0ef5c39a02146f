/**
 * A directory of the host's file system. Only this process and this user may read what is made here, symbolic links are
 * never followed, and no name leads out of the root.
 */
import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, statfs, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { assert, type Disk, type DiskFile, type DiskSpace, isDiskName } from '@dfs/core'
import { withDiskErrors } from './disk-error.ts'
import { DiskFigures } from './disk-figures.ts'
import { NodeFile } from './node-file.ts'
import { ReadPace } from './read-pace.ts'

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

export class NodeDisk implements Disk {
  readonly #root: string
  readonly figures = new DiskFigures()
  readonly #pace = new ReadPace()

  /** `rootDirectory` must exist before files are opened; `makeDirectory('')` makes it. */
  constructor(rootDirectory: string) {
    this.#root = rootDirectory
  }

  open(name: string, mode: 'create' | 'existing'): Promise<DiskFile> {
    const flags = O_RDWR | O_NOFOLLOW | (mode === 'create' ? O_CREAT | O_EXCL : 0)
    return withDiskErrors('open', name, async () =>
      NodeFile.adopt(name, await open(this.#pathOf(name), flags, FILE_MODE), {
        pace: this.#pace,
        figures: this.figures,
      }),
    )
  }

  list(directory: string): Promise<string[]> {
    // The default order of sort is by code unit, which is the one promised.
    return withDiskErrors('list', directory, async () => (await readdir(this.#directoryOf(directory))).sort())
  }

  async makeDirectory(name: string): Promise<void> {
    const path = this.#directoryOf(name)
    await withDiskErrors('make directory', name, () => mkdir(path, { recursive: true, mode: DIRECTORY_MODE }))
  }

  rename(from: string, to: string): Promise<void> {
    return withDiskErrors('rename', from, () => rename(this.#pathOf(from), this.#pathOf(to)))
  }

  remove(name: string): Promise<void> {
    return withDiskErrors('remove', name, () => unlink(this.#pathOf(name)))
  }

  syncDirectory(directory: string): Promise<void> {
    return withDiskErrors('sync directory', directory, async () => {
      const handle = await open(this.#directoryOf(directory), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    })
  }

  space(): Promise<DiskSpace> {
    return withDiskErrors('space of', '', async () => {
      const { bavail, blocks, bsize } = await statfs(this.#root)
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
    })
  }

  #directoryOf(name: string): string {
    return name === '' ? this.#root : this.#pathOf(name)
  }

  #pathOf(name: string): string {
    assert(isDiskName(name), `not a name inside of the data directory: "${name}"`)
    return join(this.#root, name)
  }
}
