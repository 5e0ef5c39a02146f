/**
 * A volume and its copies as the store holds them in memory, and what follows from their states (volume-states.ts). All of
 * them are there, hundreds of thousands: so members are few, and what many have in common is one object.
 */
import {
  type ChunkPlacement,
  type CommandFailure,
  failure,
  type VolumeKind,
  type VolumeOrder,
} from '@dfs/protocol'
import { type CopiesOfVolume, type Placement } from '../../metadata/cluster-store.ts'
import { assert } from '@dfs/core'
import { type CopyState } from '../copies/view.ts'
import { type ReplicaState, type VolumeState } from './codes.ts'

/** What is known of a copy, as its row says it. */
export interface Heard {
  readonly state: ReplicaState
  readonly verifiedTo: number
  readonly isSealReported: boolean
}

/** What its server says of it in this start, beside what the row says. */
export interface HeardNow extends Heard {
  readonly isFoundDamaged?: boolean
}

const SEAL_REPORTED = 1
const UNHEARD = 2
const FOUND_DAMAGED = 4
const FRESH: Heard = Object.freeze({ state: 'open', verifiedTo: 0, isSealReported: false })

/** One copy. Only `VolumeStates` changes it. */
export class Replica {
  readonly id: number
  readonly volume: Volume
  /** Its server, in the incarnation for which it was made; one object for all of that. */
  readonly made: Placement
  /** Where it stands among the copies of its server (copies-on-server.ts). */
  place = -1
  #state: ReplicaState
  #verifiedTo: number
  /** {@link SEAL_REPORTED}, {@link UNHEARD}, {@link FOUND_DAMAGED}. */
  #flags: number

  constructor(id: number, volume: Volume, made: Placement, heard = FRESH) {
    this.id = id
    this.volume = volume
    this.made = made
    this.#state = heard.state
    this.#verifiedTo = heard.verifiedTo
    this.#flags = heard.isSealReported ? SEAL_REPORTED : 0
  }

  get server(): number {
    return this.made.server
  }

  /** Whether its server has restarted and has not said yet whether it has this copy. */
  get isUnheard(): boolean {
    return (this.#flags & UNHEARD) !== 0
  }

  /** What holds. That it is whole was said by an earlier incarnation if it is unheard, and does not count (R9). */
  get state(): ReplicaState {
    return this.isUnheard && this.#state === 'inSync' ? 'unverified' : this.#state
  }

  get verifiedTo(): number {
    return this.#verifiedTo
  }

  /** Whether its server has said in its present start that every block up to the seal is verified. */
  get isVerified(): boolean {
    return !this.isUnheard && this.#verifiedTo === this.volume.sealedLength && this.isSealReported
  }

  get isSealReported(): boolean {
    return (this.#flags & (SEAL_REPORTED | UNHEARD)) === SEAL_REPORTED
  }

  /** Whether its server has read it after the seal and not found it right to its end: it may be wrong at its first record. */
  get isFoundDamaged(): boolean {
    const isShort = this.#verifiedTo > 0 && this.#verifiedTo < this.volume.committedEnd
    return isShort || (this.#flags & FOUND_DAMAGED) !== 0
  }

  /** Whether its server must hear that the volume is sealed. */
  get awaitsSeal(): boolean {
    return this.#state === 'unverified' && (this.#flags & (SEAL_REPORTED | UNHEARD)) === 0
  }

  /** What the row says, whatever holds of it. */
  get row(): Heard {
    const isSealReported = (this.#flags & SEAL_REPORTED) !== 0
    return { state: this.#state, verifiedTo: this.#verifiedTo, isSealReported }
  }

  /** Its server has restarted: what the row says is left, and holds again as far as it is {@link hear}d again. */
  doubt(): void {
    this.#flags |= UNHEARD
  }

  /** This is known of it from now on; whether the row says something else. */
  hear({ state, verifiedTo, isSealReported, isFoundDamaged = false }: HeardNow): boolean {
    const before = this.row
    this.#state = state
    this.#verifiedTo = verifiedTo
    this.#flags = (isSealReported ? SEAL_REPORTED : 0) | (isFoundDamaged ? FOUND_DAMAGED : 0)
    const isNews = state !== before.state || verifiedTo !== before.verifiedTo
    return isNews || isSealReported !== before.isSealReported
  }
}

const NONE: readonly Replica[] = Object.freeze([])

export interface VolumeIdentity {
  readonly id: number
  readonly kind: VolumeKind
  readonly primary: Placement
  /** Null if it is the cluster's. */
  readonly sizeBytes: number | null
  /** By which its records are told from those of others. */
  readonly salt: string
}

/** Only `Volumes` and `VolumeStates` change it. */
export class Volume implements VolumeIdentity {
  readonly id: number
  readonly kind: VolumeKind
  readonly primary: Placement
  readonly sizeBytes: number | null
  readonly salt: string
  /** By id. Exchanged for another list when it changes: one that grows holds room for more. */
  replicas: readonly Replica[] = NONE
  state: VolumeState = 'open'
  committedEnd = 0
  /**
   * What is in use: bytes of the records of all chunks that there are rows for, those chunks, and contents of versions that have
   * one of them or more. It says where to look for something to remove, and never permits it: that is looked for among the rows.
   */
  liveBytes = 0
  liveChunks = 0
  liveFiles = 0
  /** Whether a copy of it was dropped since it was made. */
  hasDropped = false

  constructor({ id, kind, primary, sizeBytes, salt }: VolumeIdentity) {
    this.id = id
    this.kind = kind
    this.primary = primary
    this.sizeBytes = sizeBytes
    this.salt = salt
  }

  /** A volume is sealed at its committed end, and nowhere else (R1); null while it is open. */
  get sealedLength(): number | null {
    return this.state === 'open' ? null : this.committedEnd
  }

  /** The order by which it was made. */
  get order(): VolumeOrder {
    const { id, kind, salt, primary, sizeBytes } = this
    const replicas = this.replicas.map(({ id: replica, made }) => ({ replica, ...made }))
    return { volume: id, kind, salt, primary, replicas, ...(sizeBytes === null ? {} : { sizeBytes }) }
  }
}

/** How much a copy is worth to a reader; less is better, null is nothing at all. */
const RANKS: ReadonlyMap<ReplicaState, number> = new Map([
  ['open', 0],
  ['inSync', 0],
  ['unverified', 1],
  // It is to go, and may be gone when somebody asks it.
  ['surplus', 2],
  // What was committed had been synced before the failure, and every byte is verified on its way: better than nothing.
  ['damaged', 3],
])

/** Servers to read from, the best first; the order of the set breaks ties. */
export const readableServers = (volume: Volume): number[] =>
  volume.replicas
    .filter(({ state }) => RANKS.has(state))
    .toSorted((a, b) => RANKS.get(a.state)! - RANKS.get(b.state)!)
    .map((replica) => replica.server)

/** Those that had a copy and have started without it. */
export const serversThatLostIt = ({ replicas }: Volume): number[] =>
  replicas.filter(({ state }) => state === 'lost').map(({ server }) => server)

/** The copies of a volume that is there to stay, for whoever looks for bytes; the order of the set breaks ties. */
export const copiesOf = ({ sealedLength, replicas }: Volume): CopiesOfVolume => ({
  sealedLengthBytes: sealedLength,
  copies: replicas
    .flatMap((copy) => {
      const state = toldState(copy)
      return state === null ? [] : [{ server: copy.server, replica: copy.id, state }]
    })
    .toSorted(
      (a, b) => (RANKS.get(a.state) ?? Infinity) - (RANKS.get(b.state) ?? Infinity) || a.replica - b.replica,
    ),
})

/** What other nodes are told of a copy: they know none that are to go, and none that are being made. */
function toldState(copy: Replica): CopiesOfVolume['copies'][number]['state'] | null {
  switch (copy.state) {
    case 'copying':
    case 'dropping':
      return null
    case 'surplus':
      return copy.isVerified ? 'inSync' : 'unverified'
    default:
      return copy.state
  }
}

/** The copies of a sealed volume as the planner sees them, each in the state that it was heard in. */
export const copiesSeen = ({ replicas }: Volume): { id: number; server: number; state: CopyState }[] =>
  replicas.map(({ id, server, state }) => {
    assert(state !== 'open', `copy ${id} is of a sealed volume`)
    return { id, server, state }
  })

/** R2: whether a chunk appended by `sender` may become part of the metadata; null when it may. */
export function refuseChunk(volume: Volume, chunk: ChunkPlacement, sender: Placement): CommandFailure | null {
  if (volume.state !== 'open') {
    return failure('VOLUME_SEALED', `volume ${volume.id} is sealed at ${volume.sealedLength}`)
  }
  const { server, incarnation } = volume.primary
  if (server !== sender.server || incarnation !== sender.incarnation) {
    return failure('STALE_INCARNATION', `the primary of volume ${volume.id} is ${server} in ${incarnation}`)
  }
  if (chunk.offset < volume.committedEnd) {
    return failure('OFFSET_CONFLICT', `volume ${volume.id} is committed up to ${volume.committedEnd} already`)
  }
  if (chunk.copies !== volume.replicas.length) {
    return failure(
      'INVALID_REQUEST',
      `${chunk.copies} copies are not the ${volume.replicas.length} of the set`,
    )
  }
  if (chunk.recordSize < chunk.length || chunk.length === 0) {
    return failure('INVALID_REQUEST', `a record of ${chunk.recordSize} bytes cannot hold ${chunk.length}`)
  }
  return null
}
