/**
 * Volumes and their copies. Open ones are all in memory, since every commit asks for one; of the sealed ones those that
 * were used last. Committed ends are written once for each transaction, not once for each chunk.
 */
import { type DatabaseSync } from 'node:sqlite'
import { assert } from '@dfs/core'
import { type SealOrder, type VolumeOrder } from '@dfs/protocol'
import { BoundedCache } from '../bounded-cache.ts'
import { type CopyOfVolume, type OpenVolume } from '../store.ts'
import { type Volume } from './volume.ts'
import {
  prepareVolumes,
  replicaOf,
  replicaRowOf,
  volumeOf,
  type VolumeRow,
  volumeRowOf,
} from './volume-rows.ts'

const SEALED_CACHED_MAX = 16_384

export class Volumes {
  readonly #open = new Map<number, Volume>()
  readonly #sealed = new BoundedCache<number, Volume>(SEALED_CACHED_MAX)
  /** Open volumes whose committed end rose in the transaction under way. */
  readonly #raised = new Set<Volume>()
  readonly #queries: ReturnType<typeof prepareVolumes>
  #sealedCount: number

  constructor(database: DatabaseSync) {
    this.#queries = prepareVolumes(database)
    for (const row of this.#queries.openVolumes.all()) this.#open.set(row.id, this.#load(row))
    this.#sealedCount = this.#queries.countSealed.first()!.count
  }

  get openCount(): number {
    return this.#open.size
  }

  get sealedCount(): number {
    return this.#sealedCount
  }

  get(id: number): Volume | undefined {
    const cached = this.#open.get(id) ?? this.#sealed.get(id)
    if (cached !== undefined) return cached
    const row = this.#queries.volume.first(id)
    if (row === undefined) return undefined
    const volume = this.#load(row)
    this.#sealed.set(id, volume)
    return volume
  }

  /** The order by which a volume was made. */
  orderOf(id: number): VolumeOrder {
    const volume = this.get(id)
    const row = this.#queries.salt.first(id)
    assert(volume !== undefined && row !== undefined, `there is a volume ${id}`)
    const replicas = volume.replicas.map((replica) => {
      return { replica: replica.id, server: replica.server, incarnation: replica.incarnation }
    })
    return { volume: id, kind: volume.kind, salt: row.salt, primary: volume.primary, replicas }
  }

  /** Open volumes with a copy on `server`, by id. */
  openOn(server: number): Volume[] {
    const found = [...this.#open.values()].filter((volume) =>
      volume.replicas.some((replica) => replica.server === server),
    )
    return found.toSorted((a, b) => a.id - b.id)
  }

  openCounts(): Map<number, number> {
    const counts = new Map<number, number>()
    for (const volume of this.#open.values()) {
      for (const { server } of volume.replicas) counts.set(server, (counts.get(server) ?? 0) + 1)
    }
    return counts
  }

  insert(volume: Volume, salt: string, nowWallMs: number): void {
    this.#queries.insertVolume.run({ ...volumeRowOf(volume), salt, created_ms: nowWallMs })
    for (const replica of volume.replicas) {
      this.#queries.insertReplica.run({ ...replicaRowOf(replica), volume: volume.id })
    }
    this.#open.set(volume.id, volume)
  }

  /** Counts a chunk that `refuseChunk` has let through. */
  raiseCommittedEnd(volume: Volume, end: number): void {
    assert(volume.state === 'open' && end > volume.committedEnd, 'a committed end rises')
    volume.committedEnd = end
    this.#raised.add(volume)
  }

  /** Writes the committed ends of the transaction under way; its last step but the state. */
  flush(): void {
    for (const volume of this.#raised) this.#queries.raise.run(volume.committedEnd, volume.id)
    this.#raised.clear()
  }

  /** To be called when a volume was sealed. */
  noteSealed(volume: Volume): void {
    this.#raised.delete(volume)
    this.#open.delete(volume.id)
    this.#sealed.set(volume.id, volume)
    this.#sealedCount += 1
  }

  /** Ids of volumes with a copy on `server` that is in-sync or waits for that. */
  volumesWithCopyOn(server: number): number[] {
    return this.#queries.volumesOn.all(server).map(({ volume }) => volume)
  }

  /** The copy of a volume on a server, or null where there is none. */
  copyOn(id: number, server: number): CopyOfVolume | null {
    const volume = this.get(id)
    const replica = volume?.replicas.find((copy) => copy.server === server)
    if (volume === undefined || replica === undefined) return null
    return { replica: replica.id, isSealed: volume.state !== 'open' }
  }

  /** To seal the copies on `server` that were not yet reported as sealed. */
  sealOrdersFor(server: number, countMax: number): SealOrder[] {
    return this.#queries.awaitingSeal.all(server, countMax).map(({ volume, replica, length }) => {
      return { kind: 'seal', volume, replica, sealedLengthBytes: length }
    })
  }

  #load(row: VolumeRow): Volume {
    return volumeOf(row, this.#queries.replicas.all(row.id).map(replicaOf))
  }
}

export const openVolumeOf = (volume: Volume): OpenVolume => ({
  volume: volume.id,
  kind: volume.kind,
  primary: volume.primary,
  committedEndBytes: volume.committedEnd,
  servers: volume.replicas.map((replica) => replica.server),
})
