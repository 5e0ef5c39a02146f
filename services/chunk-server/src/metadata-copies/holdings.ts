/**
 * What a holder has of the metadata, as data: which files there are, how far each is good, and what of it is the copy. Only what
 * is synced is in here.
 */
import { comparePositions, copyFileName, isSamePosition } from '@dfs/metadata-copy'
import { type Epoch, type MetadataCopyState } from '@dfs/protocol'

export interface HeldSnapshot {
  readonly position: Epoch
  readonly schema: number
  /** Of the database file: all of it, and how much of it is here. */
  readonly fileBytes: number
  readonly doneBytes: number
  /** Its end is here as well. */
  readonly isComplete: boolean
  /** Bytes of its file that are good. */
  readonly size: number
}

export interface HeldSegment {
  readonly from: Epoch
  readonly to: Epoch
  readonly schema: number
  readonly size: number
  /** More may be appended: it was begun by this start of the server, and no snapshot has begun since. */
  readonly isOpen: boolean
}

export interface Holdings {
  readonly snapshots: readonly HeldSnapshot[]
  readonly segments: readonly HeldSegment[]
}

export const NOTHING_HELD: Holdings = Object.freeze({ snapshots: [], segments: [] })

/** A snapshot and the segments that follow it without a gap. */
export interface Chain {
  readonly snapshot: HeldSnapshot
  readonly segments: readonly HeldSegment[]
  /** Where it ends. */
  readonly position: Epoch
}

export const snapshotName = ({ position }: Pick<HeldSnapshot, 'position'>): string =>
  copyFileName('snapshot', position)
export const segmentName = ({ from }: Pick<HeldSegment, 'from'>): string => copyFileName('changes', from)

/** The chain that begins with this snapshot, complete or not. */
export function chainOf(snapshot: HeldSnapshot, { segments }: Holdings): Chain {
  const chain: HeldSegment[] = []
  let { position } = snapshot
  for (;;) {
    const next = segments.find(
      ({ from, schema }) => schema === snapshot.schema && isSamePosition(from, position),
    )
    if (next === undefined) return { snapshot, segments: chain, position }
    chain.push(next)
    position = next.to
  }
}

/** The copy: of the complete snapshots the one whose chain gets furthest; of several the newest. Null if there is none. */
export function presentCopy(holdings: Holdings): Chain | null {
  const chains = holdings.snapshots
    .filter(({ isComplete }) => isComplete)
    .map((snapshot) => chainOf(snapshot, holdings))
    .toSorted(
      (one, other) =>
        comparePositions(other.position, one.position) ||
        comparePositions(other.snapshot.position, one.snapshot.position),
    )
  return chains[0] ?? null
}

/** The newest snapshot that is on its way, if it is newer than the copy's. */
export function incomingCopy(holdings: Holdings): Chain | null {
  const present = presentCopy(holdings)
  const [incoming] = holdings.snapshots
    .filter(({ isComplete }) => !isComplete)
    .toSorted((one, other) => comparePositions(other.position, one.position))
  if (incoming === undefined) return null
  if (present !== null && comparePositions(incoming.position, present.snapshot.position) <= 0) return null
  return chainOf(incoming, holdings)
}

/** What the next change sets have to follow; null if there is nothing that they could. */
export const writtenChain = (holdings: Holdings): Chain | null =>
  incomingCopy(holdings) ?? presentCopy(holdings)

/**
 * The names of the files that make up the copy, and what is on its way. Null while there is no whole copy: nothing may go then,
 * since nothing newer is complete.
 */
export function neededFiles(holdings: Holdings): ReadonlySet<string> | null {
  const present = presentCopy(holdings)
  if (present === null) return null
  const incoming = incomingCopy(holdings)
  const chains = incoming === null ? [present] : [present, incoming]
  return new Set(
    chains.flatMap(({ snapshot, segments }) => [snapshotName(snapshot), ...segments.map(segmentName)]),
  )
}

/** As the master and whoever recovers are told. */
export function describeHoldings(holdings: Holdings, damage: string | null): MetadataCopyState {
  const present = presentCopy(holdings)
  const incoming = incomingCopy(holdings)
  return {
    snapshot: present?.snapshot.position ?? null,
    position: present?.position ?? null,
    incoming:
      incoming === null ? null : { snapshot: incoming.snapshot.position, bytes: incoming.snapshot.doneBytes },
    end: writtenChain(holdings)?.position ?? null,
    snapshotBytes: present?.snapshot.size ?? 0,
    changesBytes: present?.segments.reduce((sum, { size }) => sum + size, 0) ?? 0,
    damage,
  }
}
