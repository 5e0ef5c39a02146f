/**
 * Which servers get the copies of a new volume. The primary is the one that asks: it appends without a further hop.
 * The others are spread over zones first, so that the loss of one takes the fewest copies, then over load: open volumes
 * for each byte of room. Refused: most free space alone, because a new, empty server would then get every volume.
 *
 * Room that is promised is not free (R22): open volumes may still take all that they were made for, and each server keeps
 * something back for cleaning and repair, which free room in the end. Where little is left volumes are made smaller, so that
 * what is left can still be used to the end; a disk that has room for few large ones has room for many small ones.
 */
import { type Random } from '@dfs/core'
import { type CommandFailure, failure, type Liveness } from '@dfs/protocol'

export interface Candidate {
  readonly server: number
  readonly incarnation: number
  readonly liveness: Liveness
  readonly zone: string
  readonly freeBytes: number
  /** It says itself that it takes nothing. */
  readonly isFull: boolean
  readonly openVolumes: number
  /** Bytes that they may still take. */
  readonly promisedBytes: number
  /** Peers that it cannot reach. */
  readonly unreachable: readonly number[]
  /** Age of its oldest unfinished disk call. */
  readonly oldestDiskCallMs: number
}

export interface PlacementRequest {
  readonly primary: number
  /** Peers that the primary cannot reach. */
  readonly unreachable: readonly number[]
  readonly candidates: readonly Candidate[]
  readonly replicas: number
  readonly minReplicas: number
  readonly limits: RoomLimits
  /** A disk call that is older makes its server unfit. */
  readonly diskCallMsMax: number
}

export interface Placed {
  readonly ok: true
  readonly set: readonly Candidate[]
  /** Of the volume, if it is to be smaller than others. */
  readonly sizeBytes: number | null
}

export type PlacementResult = Placed | CommandFailure

export interface RoomLimits {
  readonly volumeSizeBytes: number
  readonly chunkSizeBytes: number
  /** What a disk keeps for what must be written all the same. */
  readonly freeSpaceFloorBytes: number
}

/** Volumes that each server keeps free for cleaner and repair (R22). */
const RESERVED_VOLUMES = 2
/** A volume takes no more than this part of the room that there is, so that there is some for further ones. */
const PART_OF_ROOM = 4
/** The smallest volume, in the largest chunks: smaller ones would be made all the time. */
const CHUNKS_MIN = 4

/** The set with the primary first; COPY_ERROR or INSUFFICIENT_SPACE if fewer than `minReplicas` servers can be chosen. */
export function choosePlacement(request: PlacementRequest, random: Random): PlacementResult {
  const reachable = request.candidates.filter((candidate) => isReachable(candidate, request))
  const fit = reachable.filter((candidate) => hasRoom(candidate, request.limits))
  const primary = fit.find(({ server }) => server === request.primary)
  if (primary === undefined || fit.length < request.minReplicas) return refuse(reachable, request)
  const others = shuffled(
    fit.filter((candidate) => candidate !== primary),
    random,
  )
  const set = [primary]
  while (set.length < request.replicas && set.length <= others.length) {
    const rest = others.filter((candidate) => !set.includes(candidate))
    set.push(best(rest, set, request.limits))
  }
  return { ok: true, set, sizeBytes: sizeFor(set, request.limits) }
}

/** The set's volume takes what each of its servers has room for. */
function sizeFor(set: readonly Candidate[], limits: RoomLimits): number | null {
  const room = Math.min(...set.map((candidate) => roomOf(candidate, limits)))
  const sizeBytes = Math.max(smallest(limits), Math.floor(room / PART_OF_ROOM))
  return sizeBytes < limits.volumeSizeBytes ? sizeBytes : null
}

function refuse(reachable: readonly Candidate[], request: PlacementRequest): CommandFailure {
  const { minReplicas, primary } = request
  const isPrimaryFit = reachable.some(({ server }) => server === primary)
  if (!isPrimaryFit) return failure('COPY_ERROR', `server ${primary} is not fit to take writes`)
  return reachable.length < minReplicas
    ? failure('COPY_ERROR', `${reachable.length} servers can be reached, ${minReplicas} are needed`)
    : failure('INSUFFICIENT_SPACE', `fewer than ${minReplicas} servers have room for a volume`)
}

function isReachable(
  candidate: Candidate,
  { primary, unreachable, diskCallMsMax }: PlacementRequest,
): boolean {
  if (candidate.liveness !== 'alive' || candidate.oldestDiskCallMs > diskCallMsMax) return false
  if (candidate.server === primary) return true
  return !unreachable.includes(candidate.server) && !candidate.unreachable.includes(primary)
}

/** What is known of the space on a server's disk. */
export type Space = Pick<Candidate, 'isFull' | 'freeBytes' | 'promisedBytes'>

/**
 * Bytes that may be promised to further volumes: what is free, less what its open volumes may still take, less the floor and the
 * reserve. Copies that are on their way will count here as well.
 */
export const roomOf = (
  { freeBytes, promisedBytes }: Space,
  { freeSpaceFloorBytes, volumeSizeBytes }: RoomLimits,
): number => freeBytes - promisedBytes - freeSpaceFloorBytes - RESERVED_VOLUMES * volumeSizeBytes

const smallest = ({ volumeSizeBytes, chunkSizeBytes }: RoomLimits): number =>
  Math.min(volumeSizeBytes, CHUNKS_MIN * chunkSizeBytes)

/** Whether a server may get one more volume. */
export const hasRoom = (space: Space, limits: RoomLimits): boolean =>
  !space.isFull && roomOf(space, limits) >= smallest(limits)

/** Of the rest, the one in the zone least used by the set, and of those the least loaded; the first if they are equal. */
function best(rest: readonly Candidate[], set: readonly Candidate[], limits: RoomLimits): Candidate {
  const inZone = (zone: string): number => set.filter((candidate) => candidate.zone === zone).length
  const load = (candidate: Candidate): number => (candidate.openVolumes + 1) / roomOf(candidate, limits)
  return rest.reduce((chosen, candidate) => {
    const difference = inZone(candidate.zone) - inZone(chosen.zone) || load(candidate) - load(chosen)
    return difference < 0 ? candidate : chosen
  })
}

/** A fair order, so that equal servers are chosen equally often. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items]
  for (let index = order.length - 1; index > 0; index -= 1) {
    const other = random.int(index + 1)
    ;[order[index], order[other]] = [order[other]!, order[index]!]
  }
  return order
}
