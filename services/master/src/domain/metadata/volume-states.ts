/**
 * What states volumes and their copies go through, and the only verbs that change them, in memory and in their rows. A verb
 * that finds another state than it may begin with is a mistake of this program: nothing is written, and the process ends.
 *
 * An open volume is sealed once, at its committed end, and stays sealed (R1). A copy is in-sync only in a sealed volume, with
 * every block up to its end verified (R8). A damaged copy stays damaged, whatever is heard of it: its pages may look right in
 * memory and not be on the disk. A sealed volume in which nothing is in use may be deleted: its copies are dropped then, for
 * good, and it is gone with the last of them.
 *
 * A copy of a sealed volume may be made elsewhere: it is `copying` until its server has verified it up to the seal, and nothing
 * else makes it count (I3); if nobody has some of its records, it is one to be mended like others. One that is not needed is `surplus` first, which can be taken back, and then to be dropped, which
 * cannot: that rests on the others (I1).
 */
import { assert } from '@dfs/core'
import { type Placement } from '../../metadata/cluster-store.ts'
import { mayRelease, type ReleaseQuestion } from '../copies/release.ts'
import { type ReplicaState } from './codes.ts'
import { type VolumeRows } from './cluster-rows.ts'
import { copiesSeen, type HeardNow, type Replica, type Volume } from './volume.ts'
import { replicaRowOf, volumeRowOf } from './volume-rows.ts'
import { type Volumes } from './volumes.ts'

/** What a copy may become; noted again, each state stays as it is. */
const NEXT: Readonly<Record<ReplicaState, readonly ReplicaState[]>> = {
  /** Its volume was sealed, or it failed. */
  open: ['unverified', 'damaged'],
  unverified: ['inSync', 'damaged', 'lost', 'surplus', 'dropping'],
  /** Its server restarted, or found less than there was. */
  inSync: ['unverified', 'damaged', 'lost', 'surplus', 'dropping'],
  /** It turned up. */
  lost: ['unverified', 'inSync', 'damaged', 'dropping'],
  damaged: ['dropping'],
  /** Verified, there but for records that nobody has, or given up. */
  copying: ['inSync', 'unverified', 'dropping'],
  surplus: ['inSync', 'unverified', 'damaged', 'lost', 'dropping'],
  dropping: [],
}

type Rows = Pick<VolumeRows, 'seal' | 'setDeleting' | 'insertDeleted' | 'updateReplica'>

export class VolumeStates {
  readonly #rows: Rows
  readonly #volumes: Volumes
  #changes = 0

  constructor(rows: Rows, volumes: Volumes) {
    this.#rows = rows
    this.#volumes = volumes
  }

  /** Changes of rows so far, since the start: whether there was any is told by two looks. */
  get changes(): number {
    return this.#changes
  }

  /** Seals at the committed end, wherever the copies are (R1). Its open copies are unverified from then on. */
  seal(volume: Volume, reason: string, nowWallMs: number): void {
    if (volume.state !== 'open') return
    volume.state = 'sealed'
    this.#rows.seal(volumeRowOf(volume), nowWallMs, reason)
    this.#changes += 1
    for (const replica of volume.replicas) if (replica.state === 'open') this.#become(replica, 'unverified')
    this.#volumes.noteSealed(volume)
  }

  /**
   * Whoever looks for its chunks has found none, in this transaction: its copies are to be dropped, now and whenever one turns up
   * (R7). One that is lost is not there to be dropped.
   */
  beginDeleting(volume: Volume, clusterMs: number): void {
    assert(volume.state === 'sealed', `volume ${volume.id} is ${volume.state} and is to be deleted`)
    volume.state = 'deleting'
    this.#rows.setDeleting(volumeRowOf(volume), clusterMs)
    this.#rows.insertDeleted(volume.id, clusterMs)
    this.#changes += 1
    this.#volumes.noteDeleting(volume)
    for (const replica of volume.replicas) {
      const isGone = replica.state === 'lost' && !replica.isUnheard
      this.#become(replica, 'dropping')
      if (isGone) this.#volumes.remove(replica)
    }
  }

  /** Its server does not have it any more. */
  noteDropped(replica: Replica): void {
    assert(replica.state === 'dropping', `copy ${replica.id} is ${replica.state} and is said to be dropped`)
    this.#changes += 1
    this.#volumes.remove(replica)
  }

  /** Its server has sealed it and has verified so many bytes: all of its volume's. */
  noteInSync(replica: Replica, verifiedTo: number): void {
    assert(verifiedTo === replica.volume.sealedLength, `copy ${replica.id} is verified up to its end`)
    this.#become(replica, 'inSync', { verifiedTo, isSealReported: true })
  }

  /** It is there, and that is all that is known. */
  noteUnverified(replica: Replica, heard: Partial<Omit<HeardNow, 'state'>>): void {
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

  /** A new copy, on a server that has none (I2): it counts for nothing, and nobody is sent there. */
  beginCopy(volume: Volume, id: number, made: Placement): Replica {
    assert(volume.state === 'sealed', `volume ${volume.id} is ${volume.state} and is to be copied`)
    const has = volume.replicas.some(({ server }) => server === made.server)
    assert(!has, `server ${made.server} has no copy of volume ${volume.id} yet`)
    this.#changes += 1
    return this.#volumes.insertCopy(volume, id, made)
  }

  /** It is not needed: still read, and it can be taken back. What is heard of it is noted. */
  noteSurplus(replica: Replica, heard: Partial<Omit<HeardNow, 'state'>> = {}): void {
    this.#become(replica, 'surplus', heard)
  }

  /** It is needed after all. */
  revoke(replica: Replica): void {
    assert(replica.state === 'surplus', `copy ${replica.id} is ${replica.state} and is taken back`)
    if (replica.isVerified) this.#become(replica, 'inSync')
    else this.#become(replica, 'unverified')
  }

  /** It is to be dropped, for good: as many others are whole as this rests on (I1). */
  release(replica: Replica, question: Omit<ReleaseQuestion, 'replica' | 'replicas'>): void {
    const { id, volume } = replica
    assert(volume.state === 'sealed', `volume ${volume.id} is ${volume.state} and keeps its copies`)
    assert(mayRelease({ ...question, replica: id, replicas: copiesSeen(volume) }), `copy ${id} may go`)
    this.#become(replica, 'dropping')
  }

  /** It will not be made. */
  giveUpCopy(replica: Replica): void {
    assert(replica.state === 'copying', `copy ${replica.id} is ${replica.state}: it is not being made`)
    this.#become(replica, 'dropping')
  }

  /** Its server is gone for good: it cannot be back. */
  giveUpCopyGone(replica: Replica): void {
    const { id, volume } = replica
    assert(volume.state === 'sealed', `volume ${volume.id} is ${volume.state}, and copy ${id} of it gone`)
    this.#become(replica, 'dropping')
  }

  /** Its server has it, and nothing about it changes by that. */
  noteThere(replica: Replica): void {
    this.#become(replica, replica.state)
  }

  /** A server has restarted: what is known of its copies is left until it says what it has. No row is written. */
  doubtAllOn(server: number): void {
    this.#volumes.onServer(server).doubtAll()
  }

  #become(replica: Replica, state: ReplicaState, heard: Partial<Omit<HeardNow, 'state'>> = {}): void {
    const { id, state: before } = replica
    assert(state === before || NEXT[before].includes(state), `copy ${id} is ${before} and becomes ${state}`)
    const { verifiedTo = replica.verifiedTo, isSealReported = replica.isSealReported } = heard
    const isFoundDamaged = heard.isFoundDamaged === true
    if (replica.hear({ state, verifiedTo, isSealReported, isFoundDamaged })) {
      this.#rows.updateReplica(replicaRowOf(replica))
      this.#changes += 1
    }
    this.#volumes.noteHeard(replica)
  }
}
