/** Snapshots of a database in memory: it is there whole, so it is copied at once. For tests and simulations. */
import { type DatabaseSync } from 'node:sqlite'
import { numberOf } from './query.ts'
import { type SnapshotMaker, type SnapshotRequest, type Standing } from './sqlite-source.ts'

export class MemorySnapshots implements SnapshotMaker {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  async make({ atMoment }: SnapshotRequest): Promise<Standing> {
    const position = atMoment()
    const bytes = this.#database.serialize()
    return {
      position,
      schema: numberOf(this.#database, 'user_version'),
      bytesTotal: bytes.byteLength,
      read: async (at, sizeBytes) => bytes.subarray(at, at + sizeBytes),
      prove: async () => {},
    }
  }

  close(): void {}
}
