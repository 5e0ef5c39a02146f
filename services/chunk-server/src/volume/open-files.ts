/**
 * Open handles of logs that nobody appends to any more: as many as the limit allows, the least recently used is closed
 * first. A server has far more volumes than a process may have files open.
 */
import { type Disk, type DiskFile } from '@dfs/core'
import { DfsError } from '@dfs/protocol'

interface Entry {
  readonly file: Promise<DiskFile>
  users: number
  /** Called when the last user has left, if somebody waits for that. */
  onIdle: () => void
}

const entryOf = (file: Promise<DiskFile>): Entry => ({ file, users: 0, onIdle: () => {} })

export class OpenFiles {
  readonly #disk: Disk
  readonly #openMax: number
  /** By name, in the order of their last use. */
  readonly #entries = new Map<string, Entry>()
  #isClosed = false

  constructor(disk: Disk, openMax: number) {
    this.#disk = disk
    this.#openMax = openMax
  }

  get count(): number {
    return this.#entries.size
  }

  /** Takes a handle over; it may be closed as soon as nobody uses it. */
  adopt(name: string, file: DiskFile): void {
    this.#entries.set(name, entryOf(Promise.resolve(file)))
  }

  /** Runs `work` on the file, which stays open meanwhile. Rejects as opening does, or as `work`; UNAVAILABLE once closed. */
  async use<T>(name: string, work: (file: DiskFile) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new DfsError('UNAVAILABLE', 'this server is stopping')
    const entry = this.#entries.get(name) ?? entryOf(this.#disk.open(name, 'existing'))
    entry.users += 1
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    try {
      return await work(await this.#opened(name, entry))
    } finally {
      entry.users -= 1
      if (entry.users === 0) entry.onIdle()
      if (this.#entries.size > this.#openMax) await this.#closeIdle()
    }
  }

  /** Closes one that is not needed any more, when what is under way on it has ended. Whoever asks for it then opens it anew. */
  async forget(name: string): Promise<void> {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#entries.delete(name)
    await closeIdle(entry)
  }

  /** Closes all of them, each when what is under way on it has ended. Nobody gets one any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    for (const entry of entries) await closeIdle(entry)
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

async function closeIdle(entry: Entry): Promise<void> {
  if (entry.users > 0) await new Promise<void>((resolve) => (entry.onIdle = resolve))
  // One that could not be opened has told its users so.
  await entry.file.then(
    (file) => file.close(),
    () => undefined,
  )
}
