/**
 * What states volumes and their copies go through, and the only verbs that change them, in memory and in their rows. A verb
 * that finds another state than it may begin with is a mistake of this program: nothing is written, and the process ends.
 *
 * An open volume is sealed once, at its committed end, and stays sealed (R1). A copy is in-sync only in a sealed volume, with
 * every block up to its end verified (R8). A damaged copy stays damaged, whatever is heard of it: its pages may look right in
 * memory and not be on the disk.
 */
import { assert } from '@dfs/core'
import { type ReplicaState } from './codes.ts'
import { type VolumeRows } from './cluster-rows.ts'
import { type Replica, replicaRowOf, type Volume, volumeRowOf } from './volume.ts'
import { type Volumes } from './volumes.ts'

/** What a copy may become; noted again, each state stays as it is. */
const NEXT: Readonly<Record<ReplicaState, readonly ReplicaState[]>> = {
  /** Its volume was sealed, or it failed. */
  open: ['unverified', 'damaged'],
  unverified: ['inSync', 'damaged', 'lost'],
  /** Its server restarted, or found less than there was. */
  inSync: ['unverified', 'damaged', 'lost'],
  /** It turned up. */
  lost: ['unverified', 'inSync', 'damaged'],
  damaged: [],
}

/** Those that {@link VolumeStates} writes. */
type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }

/** What was heard of a copy with its state. */
type Heard = Partial<Pick<Replica, 'verifiedTo' | 'isSealReported'>>

export class VolumeStates {
  readonly #rows: Pick<VolumeRows, 'seal' | 'updateReplica'>
  readonly #volumes: Pick<Volumes, 'noteSealed'>

  constructor(rows: Pick<VolumeRows, 'seal' | 'updateReplica'>, volumes: Pick<Volumes, 'noteSealed'>) {
    this.#rows = rows
    this.#volumes = volumes
  }

  /** Seals at the committed end, wherever the copies are (R1). Its open copies are unverified from then on. */
  seal(volume: Volume, reason: string, nowWallMs: number): void {
    if (volume.state !== 'open') return
    const sealed: Mutable<Volume> = volume
    sealed.state = 'sealed'
    sealed.sealedLength = volume.committedEnd
    this.#rows.seal(volumeRowOf(volume), nowWallMs, reason)
    for (const replica of volume.replicas) if (replica.state === 'open') this.#become(replica, 'unverified')
    this.#volumes.noteSealed(volume)
  }

  /** Its server has sealed it and has verified so many bytes: all of its volume's. */
  noteInSync(volume: Volume, replica: Replica, verifiedTo: number): void {
    assert(verifiedTo === volume.sealedLength, `copy ${replica.id} is verified up to its end`)
    this.#become(replica, 'inSync', { verifiedTo, isSealReported: true })
  }

  /** It is there, and that is all that is known. */
  noteUnverified(replica: Replica, heard: Heard): void {
    this.#become(replica, 'unverified', heard)
  }

  /** It lost a write or a sync, for good. */
  noteDamaged(replica: Replica): void {
    this.#become(replica, 'damaged')
  }

  /** Its server has started without it. */
  noteLost(replica: Replica): void {
    this.#become(replica, 'lost', { isSealReported: false })
  }

  #become(replica: Replica, state: ReplicaState, heard: Heard = {}): void {
    const { id, state: before } = replica
    assert(state === before || NEXT[before].includes(state), `copy ${id} is ${before} and becomes ${state}`)
    const { verifiedTo = replica.verifiedTo, isSealReported = replica.isSealReported } = heard
    const isNews =
      state !== before || verifiedTo !== replica.verifiedTo || isSealReported !== replica.isSealReported
    if (!isNews) return
    Object.assign<Mutable<Replica>, Partial<Replica>>(replica, { state, verifiedTo, isSealReported })
    this.#rows.updateReplica(replicaRowOf(replica))
  }
}
