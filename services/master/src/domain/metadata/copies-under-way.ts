/** Copies that are being made: the orders for them, and what they and all other copies ask of servers. Nothing is kept: it follows from the rows. */
import { COPY_PRIORITY_MOVE, COPY_SOURCES_MAX, type CopyOrder } from '@dfs/protocol'
import { type CopyLoad, type KnownVolume } from '../../metadata/repair-store.ts'
import { type Books } from './books.ts'
import { copiesSeen, type Replica, type Volume } from './volume.ts'

/** Less is better, as it is for the planner (domain/copies/targets.ts). */
const RANKS: ReadonlyMap<Replica['state'], number> = new Map([
  ['inSync', 0],
  ['surplus', 0],
  ['unverified', 1],
  ['damaged', 2],
])

const isWhole = ({ state }: Replica): boolean => state === 'inSync' || state === 'surplus'

/** Where a copy is to come from, the best first: of equal ones the one that it was begun with. */
function sourcesOf({ repairs }: Books, copy: Replica, there: ReadonlySet<number>): Replica[] {
  const others = copy.volume.replicas.filter(({ state, server }) => RANKS.has(state) && there.has(server))
  const hasWhole = others.some(isWhole)
  const first = repairs.of(copy.id)?.source
  const rank = ({ state, server }: Replica): number => RANKS.get(state)! * 2 + (server === first ? 0 : 1)
  return others
    .filter(({ state }) => !hasWhole || state !== 'unverified')
    .toSorted((one, other) => rank(one) - rank(other) || one.id - other.id)
    .slice(0, COPY_SOURCES_MAX)
}

/** The order to make a copy; null while nobody is there who has anything of it. */
function orderFor(books: Books, copy: Replica, there: ReadonlySet<number>): CopyOrder | null {
  const { volume, id, server } = copy
  const sources = sourcesOf(books, copy, there)
  if (sources.length === 0) return null
  const cause = books.repairs.of(id)?.cause
  const isMove = cause === 'balance' || cause === 'zone'
  const whole = sources.filter(isWhole).length
  const incarnation = books.servers.get(server)?.incarnation ?? copy.made.incarnation
  const self = { replica: id, server, incarnation }
  const set = sources.map(({ id: replica, made }) => ({ replica, ...made }))
  return {
    kind: 'copy',
    volume: volume.id,
    replica: id,
    order: { ...volume.order, replicas: [self, ...set] },
    sealedLengthBytes: volume.committedEnd,
    sources: sources.map((source) => ({ server: source.server, replica: source.id })),
    priority: isMove ? COPY_PRIORITY_MOVE + whole : whole,
  }
}

/** For one server, at most so many; if there are more, each call has others. */
export const copyOrders = (
  books: Books,
  server: number,
  countMax: number,
  there: ReadonlySet<number>,
): CopyOrder[] =>
  books.volumes
    .onServer(server)
    .takeToMake(countMax)
    .map((copy) => orderFor(books, copy, there))
    .filter((order) => order !== null)

export const knownVolumeOf = (volume: Volume): KnownVolume => ({
  id: volume.id,
  sealedBytes: volume.committedEnd,
  liveBytes: volume.liveBytes,
  hadMore: volume.hasDropped,
  copies: copiesSeen(volume).map((copy, index) => ({
    ...copy,
    verifiedTo: volume.replicas[index]!.verifiedTo,
  })),
})

/** See `RepairStore.copyLoads`. */
export function copyLoads(
  books: Books,
  there: ReadonlySet<number>,
  idle: ReadonlySet<number>,
): Map<number, CopyLoad> {
  const loads = new Map<
    number,
    { incoming: number; incomingBytes: number; outgoing: number; usedBytes: number }
  >()
  const loadOf = (server: number) => {
    const load = loads.get(server) ?? { incoming: 0, incomingBytes: 0, outgoing: 0, usedBytes: 0 }
    loads.set(server, load)
    return load
  }
  for (const [server, copies] of books.volumes.serversWithCopies) {
    const load = loadOf(server)
    load.usedBytes = copies.usedBytes
    load.incomingBytes = copies.incomingBytes
    for (const copy of copies.incoming) {
      if (idle.has(copy.id)) continue
      load.incoming += 1
      const [first] = there.has(server) ? sourcesOf(books, copy, there) : []
      if (first !== undefined) loadOf(first.server).outgoing += 1
    }
  }
  return loads
}
