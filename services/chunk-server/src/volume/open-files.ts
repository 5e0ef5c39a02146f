/**
 * Open handles of logs that nobody appends to any more: as many as the limit allows, the least recently used is closed
 * first. A server has far more volumes than a process may have files open.
 */
import { type Disk, type DiskFile } from '@dfs/core'

interface Entry {
  readonly file: Promise<DiskFile>
  users: number
}

export class OpenFiles {
  readonly #disk: Disk
  readonly #openMax: number
  /** By name, in the order of their last use. */
  readonly #entries = new Map<string, Entry>()

  constructor(disk: Disk, openMax: number) {
    this.#disk = disk
    this.#openMax = openMax
  }

  get count(): number {
    return this.#entries.size
  }

  /** Takes a handle over; it may be closed as soon as nobody uses it. */
  adopt(name: string, file: DiskFile): void {
    this.#entries.set(name, { file: Promise.resolve(file), users: 0 })
  }

  /** Runs `work` on the file, which stays open meanwhile. Rejects as opening does, or as `work`. */
  async use<T>(name: string, work: (file: DiskFile) => Promise<T>): Promise<T> {
    const entry = this.#entries.get(name) ?? { file: this.#disk.open(name, 'existing'), users: 0 }
    entry.users += 1
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    try {
      return await work(await this.#opened(name, entry))
    } finally {
      entry.users -= 1
      if (this.#entries.size > this.#openMax) await this.#closeIdle()
    }
  }

  /** Closes all of them. Nobody may use one any more. */
  async close(): Promise<void> {
    const files = [...this.#entries.values()].map(({ file }) => file)
    this.#entries.clear()
    for (const file of files) await (await file).close()
  }

  async #opened(name: string, entry: Entry): Promise<DiskFile> {
    try {
      return await entry.file
    } catch (error) {
      // The next use opens it again.
      if (this.#entries.get(name) === entry) this.#entries.delete(name)
      throw error
    }
  }

  async #closeIdle(): Promise<void> {
    for (const [name, entry] of this.#entries) {
      if (this.#entries.size <= this.#openMax) return
      if (entry.users > 0) continue
      this.#entries.delete(name)
      await (await entry.file).close()
    }
  }
}
