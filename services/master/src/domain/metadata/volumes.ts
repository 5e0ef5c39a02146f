/**
 * Volumes and their copies: all of them are in memory, written through, so whatever follows from them is looked up. Committed
 * ends are written once for each transaction, not once for each chunk, and with them what is in use of a volume.
 */
import { assert } from '@dfs/core'
import { DfsError, type VolumeOrder } from '@dfs/protocol'
import {
  type CopyOfVolume,
  type OpenVolumeInfo,
  type Placement,
  type ServerLoad,
} from '../../metadata/cluster-store.ts'
import { type VolumeRows } from './cluster-rows.ts'
import { REPLICA_STATES, type ReplicaState } from './codes.ts'
import { CopiesOnServer } from './copies-on-server.ts'
import { type Heard, Replica, type Volume } from './volume.ts'
import { heardOf, replicaRowOf, volumeOf, volumeRowOf } from './volume-rows.ts'

const TO_BE_MADE: Heard = Object.freeze({ state: 'copying', verifiedTo: 0, isSealReported: false })

/** Whether somebody may ask for it. */
const isThere = ({ state }: Replica): boolean => state !== 'dropping' && state !== 'copying'

export class Volumes {
  readonly #rows: VolumeRows
  readonly #byId = new Map<number, Volume>()
  readonly #open = new Set<Volume>()
  /** Sealed, and nothing of them is in use by the counts. */
  readonly #empty = new Set<Volume>()
  readonly #onServer = new Map<number, CopiesOnServer>()
  /** Volumes whose committed end rose in the transaction under way, or of which more is in use. */
  readonly #raised = new Set<Volume>()
  /** By server and incarnation. */
  readonly #placements = new Map<number, Map<number, Placement>>()
  /** See {@link takeTouched}. */
  readonly #touched = new Set<number>()
  /** See {@link touchOn}. */
  readonly #walks: Generator<Replica, undefined>[] = []
  #deletingCount = 0

  constructor(rows: VolumeRows) {
    this.#rows = rows
    for (const row of rows.load()) {
      const primary = this.placement(row.primary_server, row.primary_incarnation)
      this.#hold(volumeOf(row, primary))
    }
    for (const id of rows.loadWithDropped()) {
      const volume = this.#byId.get(id)
      if (volume !== undefined) volume.hasDropped = true
    }
    for (const row of rows.loadReplicas()) {
      const volume = this.#byId.get(row.volume)
      // A row of no volume, which `dfs fsck` names, is nobody's copy.
      if (volume === undefined) continue
      const made = this.placement(row.server, row.incarnation)
      this.#holdCopy(new Replica(row.id, volume, made, heardOf(row)))
    }
  }

  get openCount(): number {
    return this.#open.size
  }

  get deletingCount(): number {
    return this.#deletingCount
  }

  get sealedCount(): number {
    return this.#byId.size - this.#open.size - this.#deletingCount
  }

  /** How many copies are in each state; a walk over all of them, for whoever watches. */
  copyStates(): Map<ReplicaState, number> {
    const counts = new Map(REPLICA_STATES.map((state) => [state, 0]))
    for (const { replicas } of this.#byId.values()) {
      for (const { state } of replicas) counts.set(state, counts.get(state)! + 1)
    }
    return counts
  }

  /** All that are there to stay, in no order. Whoever goes through them step by step meets each that stays, once. */
  *all(): Generator<Volume> {
    for (const volume of this.#byId.values()) if (volume.state !== 'deleting') yield volume
  }

  get(id: number): Volume | undefined {
    return this.#byId.get(id)
  }

  /** One that is there to stay. Throws VOLUME_NOT_FOUND. */
  require(id: number): Volume {
    const volume = this.get(id)
    if (volume === undefined || volume.state === 'deleting')
      throw new DfsError('VOLUME_NOT_FOUND', `there is no volume ${id}`)
    return volume
  }

  /** The order by which a volume was made. */
  orderOf(id: number): VolumeOrder {
    const volume = this.get(id)
    assert(volume !== undefined, `there is a volume ${id}`)
    return volume.order
  }

  /** A copy by its id, undefined if there is none. */
  copy(volume: number, replica: number): Replica | undefined {
    return this.get(volume)?.replicas.find(({ id }) => id === replica)
  }

  /** The copy of a volume on a server, or null if there is none. */
  copyOn(id: number, server: number): CopyOfVolume | null {
    const volume = this.get(id)
    const replica = volume?.replicas.find((copy) => copy.server === server)
    if (volume === undefined || replica === undefined || !isThere(replica)) return null
    return { replica: replica.id, isSealed: volume.state !== 'open' }
  }

  onServer(server: number): CopiesOnServer {
    const copies = this.#onServer.get(server) ?? new CopiesOnServer()
    this.#onServer.set(server, copies)
    return copies
  }

  /** Open volumes with a copy on `server`, by id. */
  openOn(server: number): Volume[] {
    const found = [...this.#open].filter(({ replicas }) => replicas.some((copy) => copy.server === server))
    return found.toSorted((a, b) => a.id - b.id)
  }

  /** What open volumes ask of servers, those of no volume's own size having `volumeSizeBytes`, and copies that are on their way. */
  loads(volumeSizeBytes: number): Map<number, ServerLoad> {
    const loads = new Map<number, ServerLoad>()
    for (const [server, copies] of this.#onServer) {
      const { incomingBytes } = copies
      if (incomingBytes > 0) loads.set(server, { openVolumes: 0, promisedBytes: incomingBytes })
    }
    for (const { sizeBytes, committedEnd, replicas } of this.#open) {
      const promised = Math.max(0, (sizeBytes ?? volumeSizeBytes) - committedEnd)
      for (const { server } of replicas) {
        const { openVolumes, promisedBytes } = loads.get(server) ?? { openVolumes: 0, promisedBytes: 0 }
        loads.set(server, { openVolumes: openVolumes + 1, promisedBytes: promisedBytes + promised })
      }
    }
    return loads
  }

  /** Sealed volumes that hold nothing, by the counts. */
  get empty(): Iterable<Volume> {
    return this.#empty
  }

  /** The rows say that it holds something: nobody asks again before the next start. */
  noteNotEmpty(volume: Volume): void {
    this.#empty.delete(volume)
  }

  /** A new volume, and its copies, each in an incarnation of its server. */
  insert(
    volume: Volume,
    copies: readonly { readonly id: number; readonly made: Placement }[],
    nowWallMs: number,
  ): void {
    this.#rows.insert({ ...volumeRowOf(volume), created_ms: nowWallMs })
    this.#hold(volume)
    for (const { id, made } of copies) {
      const replica = new Replica(id, volume, this.placement(made.server, made.incarnation))
      this.#rows.insertReplica(replicaRowOf(replica))
      this.#holdCopy(replica)
    }
  }

  /** A copy that is to be made of a sealed volume. */
  insertCopy(volume: Volume, id: number, made: Placement): Replica {
    const copy = new Replica(id, volume, this.placement(made.server, made.incarnation), TO_BE_MADE)
    this.#rows.insertReplica(replicaRowOf(copy))
    this.#holdCopy(copy)
    return copy
  }

  /** Counts a chunk that `refuseChunk` has let through. */
  addChunk(volume: Volume, end: number, recordSize: number): void {
    assert(volume.state === 'open' && end > volume.committedEnd, 'a committed end rises')
    volume.committedEnd = end
    volume.liveBytes += recordSize
    volume.liveChunks += 1
    this.#raised.add(volume)
  }

  /** Counts a content of which a version is made, once in each volume that it has chunks in. */
  addFile(volume: Volume): void {
    volume.liveFiles += 1
    this.#raised.add(volume)
  }

  /** Writes the committed ends of the transaction under way; its last step but the state. */
  flush(): void {
    for (const volume of this.#raised) this.#rows.setCommittedEnd(volumeRowOf(volume))
    this.#raised.clear()
  }

  /** To be called when a volume was sealed. */
  noteSealed(volume: Volume): void {
    this.#open.delete(volume)
    this.#touched.add(volume.id)
    for (const copy of volume.replicas) this.onServer(copy.server).sort(copy)
    if (volume.liveChunks === 0) this.#empty.add(volume)
  }

  /** To be called when a volume is to be deleted. */
  noteDeleting(volume: Volume): void {
    this.#empty.delete(volume)
    this.#deletingCount += 1
  }

  /** To be called when anything was heard of a copy. */
  noteHeard(copy: Replica): void {
    this.onServer(copy.server).sort(copy)
    this.#touched.add(copy.volume.id)
  }

  /** As if something had been heard of each copy of a server. They are met when they are taken: to note them takes too long for one turn. */
  touchOn(server: number): void {
    this.#walks.push(this.onServer(server).all())
  }

  /** Volumes of whose copies something was heard since they were last taken; at first all that there are. Some may be named again. */
  takeTouched(countMax: number): number[] {
    const taken: number[] = []
    for (const id of this.#touched) {
      if (taken.length >= countMax) break
      taken.push(id)
    }
    for (const id of taken) this.#touched.delete(id)
    while (taken.length < countMax && this.#walks.length > 0) {
      const { value: copy } = this.#walks[0]!.next()
      if (copy === undefined) this.#walks.shift()
      else taken.push(copy.volume.id)
    }
    return taken
  }

  /** Servers with a copy of anything, by the books. */
  get serversWithCopies(): Iterable<[number, CopiesOnServer]> {
    return this.#onServer
  }

  /** Forgets a copy; a volume that is being deleted goes with the last one, and of others it is noted that the copy is gone. */
  remove(copy: Replica): void {
    const { volume } = copy
    assert(copy.state === 'dropping', `copy ${copy.id} may go`)
    this.#rows.removeReplica(copy.id)
    volume.replicas = volume.replicas.filter((other) => other !== copy)
    this.onServer(copy.server).remove(copy)
    this.#touched.add(volume.id)
    if (volume.state !== 'deleting') {
      this.#rows.insertDropped(volume.id, copy.id)
      volume.hasDropped = true
    }
    if (volume.replicas.length > 0) return
    assert(volume.state === 'deleting', `volume ${volume.id} keeps a copy`)
    this.#rows.remove(volume.id)
    this.#byId.delete(volume.id)
    this.#touched.delete(volume.id)
    this.#deletingCount -= 1
  }

  #hold(volume: Volume): void {
    this.#touched.add(volume.id)
    this.#byId.set(volume.id, volume)
    if (volume.state === 'open') this.#open.add(volume)
    if (volume.state === 'deleting') this.#deletingCount += 1
    if (volume.state === 'sealed' && volume.liveChunks === 0) this.#empty.add(volume)
  }

  #holdCopy(copy: Replica): void {
    // A literal with a spread keeps room for sixteen more.
    copy.volume.replicas = copy.volume.replicas.concat(copy)
    this.onServer(copy.server).sort(copy)
    this.#touched.add(copy.volume.id)
  }

  /** The one object for a server's incarnation. */
  placement(server: number, incarnation: number): Placement {
    const known = this.#placements.get(server) ?? new Map<number, Placement>()
    this.#placements.set(server, known)
    const placement = known.get(incarnation) ?? { server, incarnation }
    known.set(incarnation, placement)
    return placement
  }
}

export const openVolumeOf = (volume: Volume): OpenVolumeInfo => ({
  volume: volume.id,
  kind: volume.kind,
  primary: volume.primary,
  committedEndBytes: volume.committedEnd,
  servers: volume.replicas.map((replica) => replica.server),
})
