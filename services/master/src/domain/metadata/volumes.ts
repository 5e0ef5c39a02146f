/**
 * Volumes and their copies. Open ones are all in memory, since every commit asks for one; of the sealed ones those that
 * were used last. Committed ends are written once for each transaction, not once for each chunk.
 */
import { assert } from '@dfs/core'
import { DfsError, type SealOrder, type VolumeOrder } from '@dfs/protocol'
import { type CopyOfVolume, type OpenVolumeInfo } from '../../metadata/store.ts'
import { BoundedCache } from './bounded-cache.ts'
import { type Named } from './reads.ts'
import { type VolumeRow, type VolumeRows } from './cluster-rows.ts'
import { replicaOf, replicaRowOf, type Volume, volumeOf, volumeRowOf } from './volume.ts'

export class Volumes {
  readonly #open = new Map<number, Volume>()
  readonly #sealed: BoundedCache<number, Volume>
  /** Open volumes whose committed end rose in the transaction under way. */
  readonly #raised = new Set<Volume>()
  readonly #rows: VolumeRows
  #sealedCount: number

  constructor(rows: VolumeRows, sealedCachedMax: number) {
    this.#rows = rows
    this.#sealed = new BoundedCache(sealedCachedMax)
    for (const row of rows.loadOpen()) this.#open.set(row.id, this.#load(row))
    this.#sealedCount = rows.loadSealedCount()
  }

  get openCount(): number {
    return this.#open.size
  }

  get sealedCount(): number {
    return this.#sealedCount
  }

  /** What {@link get} may read. Open volumes are here; of sealed ones it may be forgotten meanwhile that they were. */
  named(ids: Iterable<number>): Named[] {
    return [...new Set(ids)].filter((id) => !this.#open.has(id)).map((id) => ({ kind: 'volume', id }))
  }

  get(id: number): Volume | undefined {
    const cached = this.#open.get(id) ?? this.#sealed.get(id)
    if (cached !== undefined) return cached
    const row = this.#rows.find(id)
    if (row === undefined) return undefined
    const volume = this.#load(row)
    this.#sealed.set(id, volume)
    return volume
  }

  /** Throws VOLUME_NOT_FOUND. */
  require(id: number): Volume {
    const volume = this.get(id)
    if (volume === undefined) throw new DfsError('VOLUME_NOT_FOUND', `there is no volume ${id}`)
    return volume
  }

  /** The order by which a volume was made. */
  orderOf(id: number): VolumeOrder {
    const volume = this.get(id)
    assert(volume !== undefined, `there is a volume ${id}`)
    const replicas = volume.replicas.map((replica) => {
      return { replica: replica.id, server: replica.server, incarnation: replica.incarnation }
    })
    return { volume: id, kind: volume.kind, salt: volume.salt, primary: volume.primary, replicas }
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

  insert(volume: Volume, nowWallMs: number): void {
    this.#rows.insert({ ...volumeRowOf(volume), created_ms: nowWallMs })
    for (const replica of volume.replicas) this.#rows.insertReplica(replicaRowOf(replica))
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
    for (const volume of this.#raised) this.#rows.setCommittedEnd(volume.id, volume.committedEnd)
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
    return this.#rows.withCopyOn(server)
  }

  /** The copy of a volume on a server, or null if there is none. */
  copyOn(id: number, server: number): CopyOfVolume | null {
    const volume = this.get(id)
    const replica = volume?.replicas.find((copy) => copy.server === server)
    if (volume === undefined || replica === undefined) return null
    return { replica: replica.id, isSealed: volume.state !== 'open' }
  }

  /** To seal the copies on `server` that were not yet reported as sealed. */
  sealOrdersFor(server: number, countMax: number): SealOrder[] {
    return this.#rows.awaitingSealOn(server, countMax).map(({ volume, replica, length }) => {
      return { kind: 'seal', volume, replica, sealedLengthBytes: length }
    })
  }

  #load(row: VolumeRow): Volume {
    return volumeOf(row, this.#rows.replicasOf(row.id).map(replicaOf))
  }
}

export const openVolumeOf = (volume: Volume): OpenVolumeInfo => ({
  volume: volume.id,
  kind: volume.kind,
  primary: volume.primary,
  committedEndBytes: volume.committedEnd,
  servers: volume.replicas.map((replica) => replica.server),
})
