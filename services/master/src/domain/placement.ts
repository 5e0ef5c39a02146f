/**
 * Which servers get the copies of a new volume. The primary is the one that asks: it appends without a further hop.
 * The others are spread over zones first, so that the loss of one takes the fewest copies, then over load: open volumes
 * for each byte free. Refused: most free space alone, because a new, empty server would then get every volume.
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
  readonly volumeSizeBytes: number
  /** A disk call that is older makes its server unfit. */
  readonly diskCallMsMax: number
}

export type PlacementResult = { readonly ok: true; readonly set: readonly Candidate[] } | CommandFailure

/** Volumes that each server keeps free for cleaner and repair (R22). */
const RESERVED_VOLUMES = 2

/** The set with the primary first; COPY_ERROR or INSUFFICIENT_SPACE if fewer than `minReplicas` servers can be chosen. */
export function choosePlacement(request: PlacementRequest, random: Random): PlacementResult {
  const reachable = request.candidates.filter((candidate) => isReachable(candidate, request))
  const fit = reachable.filter((candidate) => hasRoom(candidate, request.volumeSizeBytes))
  const primary = fit.find(({ server }) => server === request.primary)
  if (primary === undefined || fit.length < request.minReplicas) return refuse(reachable, request)
  const others = shuffled(
    fit.filter((candidate) => candidate !== primary),
    random,
  )
  const set = [primary]
  while (set.length < request.replicas && set.length <= others.length) {
    const rest = others.filter((candidate) => !set.includes(candidate))
    set.push(best(rest, set))
  }
  return { ok: true, set }
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

/** Whether a server may get one more volume. */
export const hasRoom = (
  { isFull, freeBytes }: Pick<Candidate, 'isFull' | 'freeBytes'>,
  volumeSizeBytes: number,
): boolean => !isFull && freeBytes >= (RESERVED_VOLUMES + 1) * volumeSizeBytes

/** Of the rest, the one in the zone least used by the set, and of those the least loaded; the first if they are equal. */
function best(rest: readonly Candidate[], set: readonly Candidate[]): Candidate {
  const inZone = (zone: string): number => set.filter((candidate) => candidate.zone === zone).length
  const load = ({ openVolumes, freeBytes }: Candidate): number => (openVolumes + 1) / freeBytes
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
