/**
 * Which chunk servers are to hold copies of the metadata (R25): three where there are so many, over zones first. Members stay as long as they
 * are sound; one that is not is replaced, one at a time, by a server that has the whole copy first. Whatever is there is better than
 * nothing: a member that is not sound keeps its place until there is another one.
 */
import { type HolderSets } from '../../metadata/holder-store.ts'
import { HOLDERS_WANTED } from './quorum.ts'

export interface HolderCandidate {
  readonly id: number
  readonly zone: string
  /** Whether it may be chosen now: alive, with room, and it understands the messages. */
  readonly isUsable: boolean
  /** Whether it need not be replaced; of those that have not registered yet nobody knows better. */
  readonly isSound: boolean
}

export interface HoldersView {
  /** All registered servers; those that were removed are left out, and count for nothing. */
  readonly servers: readonly HolderCandidate[]
  readonly sets: HolderSets
  /** Servers that are brought a copy already. */
  readonly bringing: ReadonlySet<number>
  /** Servers whose copy is whole and at the end of the chain. */
  readonly atEnd: ReadonlySet<number>
}

export interface HoldersPlan {
  /** Servers beside the members that are to be brought a copy, by id. */
  readonly bring: readonly number[]
  /** The set to propose now, by id; null for none. */
  readonly propose: readonly number[] | null
}

export function planHolders(view: HoldersView): HoldersPlan {
  const { sets, atEnd } = view
  const known = new Map(view.servers.map((server) => [server.id, server]))
  const members = sets.counting.flatMap((id) => known.get(id) ?? [])
  const joining = choose(view, members)
  const leaving = leavingOf(members, joining)
  const bring = joining.map(({ id }) => id).toSorted((a, b) => a - b)
  // A place is given up only to who is ready for it.
  const ready = joining.filter(({ id }) => atEnd.has(id))
  const room = HOLDERS_WANTED - members.length
  const given = leaving.slice(0, Math.max(0, ready.length - room))
  const propose = [...members.filter((member) => !given.includes(member)), ...ready]
    .map(({ id }) => id)
    .toSorted((a, b) => a - b)
  return { bring, propose: isWorthProposing(view, known, propose) ? propose : null }
}

/** Those that are to become members: for all free places, and for one that is given up. */
function choose(
  { servers, sets, bringing }: HoldersView,
  members: readonly HolderCandidate[],
): HolderCandidate[] {
  const places = HOLDERS_WANTED - members.length + Number(members.some(({ isSound }) => !isSound))
  const pool = servers.filter(({ id, isUsable }) => isUsable && !sets.counting.includes(id))
  const sound = members.filter(({ isSound }) => isSound)
  const chosen: HolderCandidate[] = []
  // Who is on the way already stays so, as long as no other zone is better.
  const isUnderWay = ({ id }: HolderCandidate): boolean => sets.next.includes(id) || bringing.has(id)
  const isElsewhere = ({ zone }: HolderCandidate): boolean => isNewZone(zone, [...sound, ...chosen])
  const rank = (server: HolderCandidate): number =>
    2 * Number(isElsewhere(server)) + Number(isUnderWay(server))
  while (chosen.length < places) {
    const left = pool.filter((server) => !chosen.includes(server))
    const [first, ...others] = left
    if (first === undefined) break
    chosen.push(others.reduce((best, server) => (rank(server) > rank(best) ? server : best), first))
  }
  if (places > 0 || doubled(members) === undefined) return chosen
  const better = pool.filter(isElsewhere)
  return [...better.filter(isUnderWay), ...better].slice(0, 1)
}

/** Who goes first, for those who come. */
function leavingOf(
  members: readonly HolderCandidate[],
  joining: readonly HolderCandidate[],
): HolderCandidate[] {
  const unsound = members.filter(({ isSound }) => !isSound)
  if (unsound.length > 0) return unsound.slice(0, 1)
  const double = doubled(members)
  return double === undefined || joining.length === 0 ? [] : [double]
}

/** The last member that shares its zone with an earlier one. */
const doubled = (members: readonly HolderCandidate[]): HolderCandidate | undefined =>
  members.findLast(({ zone }, index) => !isNewZone(zone, members.slice(0, index)))

const isNewZone = (zone: string, others: readonly HolderCandidate[]): boolean =>
  others.every((other) => other.zone !== zone)

/** One proposal is waited for, unless who was to join with it has failed meanwhile. */
function isWorthProposing(
  { sets: { counting, next } }: HoldersView,
  known: ReadonlyMap<number, HolderCandidate>,
  propose: readonly number[],
): boolean {
  if (isSame(propose, next)) return false
  if (isSame(counting, next)) return true
  return next.some((id) => !counting.includes(id) && known.get(id)?.isSound !== true)
}

const isSame = (one: readonly number[], other: readonly number[]): boolean =>
  one.length === other.length && one.every((id, index) => id === other[index])
