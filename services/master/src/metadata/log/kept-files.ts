/** What starts have kept aside, and when it is of no use any more. */
import { type Disk } from '@dfs/core'
import { type Kept, listKept, removeKept } from '@dfs/wal'
import { LOG } from './files.ts'

export class KeptFiles {
  readonly #disk: Disk
  #list: readonly Kept[]

  private constructor(disk: Disk, list: readonly Kept[]) {
    this.#disk = disk
    this.#list = list
  }

  static async open(disk: Disk): Promise<KeptFiles> {
    return new KeptFiles(disk, await listKept(disk, LOG))
  }

  get list(): readonly Kept[] {
    return this.#list
  }

  /** Removes what was kept of torn transactions. Throws DiskError; the next call tries again. */
  async forgetTorn(): Promise<void> {
    for (const kept of this.#list.filter(({ reason }) => reason === 'torn')) {
      await removeKept(this.#disk, kept)
      this.#list = this.#list.filter((one) => one !== kept)
    }
  }
}
