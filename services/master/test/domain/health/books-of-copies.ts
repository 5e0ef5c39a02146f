/** Volumes, copies and servers as tables: what a test says of them in a few words. */
import { type CopiesFacts } from '../../../src/domain/shipping/copies-facts.ts'
import { type SeenServer } from '../../../src/metadata/copy-store.ts'
import { type ReplicaState } from '../../../src/domain/metadata/codes.ts'
import { Replica, Volume } from '../../../src/domain/metadata/volume.ts'

export const LENGTH = 1000
/** That every server is in. */
export const INCARNATION = 7

export interface Copy {
  readonly server: number
  readonly state: ReplicaState
  readonly verifiedTo?: number
  readonly isFoundDamaged?: boolean
  /** In which it was made. */
  readonly incarnation?: number
}

export interface Holding {
  readonly files?: number
  readonly bytes?: number
}

let ids = 0

export function volumeWith(
  copies: readonly Copy[],
  { files = 1, bytes = 100 * files }: Holding = {},
): Volume {
  ids += 1
  const primary = { server: copies[0]?.server ?? 1, incarnation: INCARNATION }
  const volume = new Volume({ id: ids, kind: 'small', primary, sizeBytes: null, salt: '' })
  volume.state = copies.some(({ state }) => state === 'open') ? 'open' : 'sealed'
  Object.assign(volume, { committedEnd: LENGTH, liveFiles: files, liveChunks: files, liveBytes: bytes })
  volume.replicas = copies.map((copy, index) => {
    const { server, state, incarnation = INCARNATION, isFoundDamaged = false } = copy
    const isInSync = state === 'inSync'
    const heard = { state, verifiedTo: copy.verifiedTo ?? (isInSync ? LENGTH : 0), isSealReported: isInSync }
    const replica = new Replica(1000 * ids + index, volume, { server, incarnation }, heard)
    replica.hear({ ...heard, isFoundDamaged })
    return replica
  })
  return volume
}

/** In-sync copies on these servers. */
export const wholeOn = (...servers: number[]): Volume =>
  volumeWith(servers.map((server) => ({ server, state: 'inSync' })))

export function server(id: number, changes: Partial<SeenServer> = {}): SeenServer {
  const usual = { id, name: `chunk-server-${id}`, internalAddress: `host-${id}:7171`, zone: `zone-${id}` }
  const state = {
    incarnation: INCARNATION,
    liveness: 'alive',
    isHeard: true,
    isSharing: false,
    cloneAddress: null,
    isRemoved: false,
    isFull: false,
    silentForMs: 300,
  }
  return { ...usual, ...state, ...changes } as SeenServer
}

export const dead = (id: number, changes: Partial<SeenServer> = {}): SeenServer =>
  server(id, { liveness: 'dead', silentForMs: 60_000, ...changes })

export const notHeard = (id: number): SeenServer =>
  server(id, { liveness: 'suspect', isHeard: false, silentForMs: 5000 })

const holder = (id: number): CopiesFacts['holders'][number] => {
  return { server: id, name: `chunk-${id}`, isWhole: true, ageMs: 0, bytesBehind: 0 }
}

/** Of the metadata, as they should be. */
export const COPIED: CopiesFacts = {
  holders: [holder(1), holder(2), holder(3)],
  fewForMs: 0,
  ageMs: 0,
  bytesBehind: 0,
  fenced: null,
  bytesSent: 0,
  snapshots: 1,
}
