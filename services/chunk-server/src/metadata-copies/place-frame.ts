/**
 * Where a frame belongs that the master has sent: decided from what is held, before a byte is written. A frame that leads on is
 * written; one of a place that is passed already has to be there, and is compared; anything else leaves a gap.
 */
import { comparePositions, follows, type FrameHeader, isSamePosition } from '@dfs/metadata-copy'
import { type Epoch } from '@dfs/protocol'
import {
  type HeldSegment,
  type HeldSnapshot,
  type Holdings,
  incomingCopy,
  segmentName,
  snapshotName,
  writtenChain,
} from './holdings.ts'

export type Placement =
  /** To be appended to this file, which is made for it if it `begins`. Afterwards `holdings` is what is held. */
  | { readonly kind: 'write'; readonly name: string; readonly begins: boolean; readonly holdings: Holdings }
  /** This file has a frame of this place, or should have. */
  | { readonly kind: 'known'; readonly name: string }
  | { readonly kind: 'gap' }

const GAP: Placement = { kind: 'gap' }

/** `size` is that of the whole frame. */
export function placeFrame(holdings: Holdings, header: FrameHeader, size: number): Placement {
  if (header.kind === 'changes') return placeChanges(holdings, header, size)
  return placeSnapshot(holdings, header, size)
}

function placeChanges(holdings: Holdings, header: FrameHeader, size: number): Placement {
  const written = writtenChain(holdings)
  if (written === null) return GAP
  const { from, to, schema } = header
  if (!follows(written.position, header)) {
    const known = holdings.segments.find((segment) => isWithin(segment, { from, to }))
    return known === undefined ? GAP : { kind: 'known', name: segmentName(known) }
  }
  if (schema !== written.snapshot.schema) return GAP
  const last = written.segments.at(-1)
  if (last?.isOpen !== true) {
    const added = { from, to, schema, size, isOpen: true }
    return writing(segmentName(added), true, { ...holdings, segments: [...holdings.segments, added] })
  }
  const longer = { ...last, to, size: last.size + size }
  return writing(segmentName(last), false, withSegment(holdings, last, longer))
}

const isWithin = (segment: HeldSegment, { from, to }: { from: Epoch; to: Epoch }): boolean =>
  comparePositions(segment.from, from) <= 0 && comparePositions(to, segment.to) <= 0

function placeSnapshot(holdings: Holdings, header: FrameHeader, size: number): Placement {
  const { to: position, offset, rawBytes } = header
  const held = holdings.snapshots.find((snapshot) => isSamePosition(snapshot.position, position))
  if (held === undefined) return beginSnapshot(holdings, header, size)
  if (held.isComplete || offset < held.doneBytes) return { kind: 'known', name: snapshotName(held) }
  const isNext =
    incomingCopy(holdings)?.snapshot === held &&
    offset === held.doneBytes &&
    header.fileBytes === held.fileBytes &&
    header.schema === held.schema
  if (!isNext) return GAP
  const longer = {
    ...held,
    doneBytes: offset + rawBytes,
    isComplete: header.kind === 'snapshotEnd',
    size: held.size + size,
  }
  return writing(snapshotName(held), false, withSnapshot(holdings, held, longer))
}

/**
 * The first part of a snapshot may leave a gap behind what is held, but never lead back: it would be complete some day, and
 * what is newer than it would go. Another one that was on its way is given up.
 */
function beginSnapshot(holdings: Holdings, header: FrameHeader, size: number): Placement {
  const { to: position, kind, offset, rawBytes, schema, fileBytes } = header
  if (kind === 'snapshotEnd' || offset !== 0) return GAP
  const end = writtenChain(holdings)?.position
  const leadsOn = end === undefined || isSamePosition(position, end) || comparePositions(position, end) > 0
  if (!leadsOn) return GAP
  const begun = { position, schema, fileBytes, doneBytes: rawBytes, isComplete: false, size }
  return writing(snapshotName(begun), true, {
    snapshots: [...holdings.snapshots.filter(({ isComplete }) => isComplete), begun],
    segments: closed(holdings.segments),
  })
}

const writing = (name: string, begins: boolean, holdings: Holdings): Placement => ({
  kind: 'write',
  name,
  begins,
  holdings,
})

const withSegment = (holdings: Holdings, before: HeldSegment, after: HeldSegment): Holdings => ({
  ...holdings,
  segments: holdings.segments.map((segment) => (segment === before ? after : segment)),
})

const withSnapshot = (holdings: Holdings, before: HeldSnapshot, after: HeldSnapshot): Holdings => ({
  ...holdings,
  snapshots: holdings.snapshots.map((snapshot) => (snapshot === before ? after : snapshot)),
})

/** Nothing is appended to any of these any more. */
export const closed = (segments: readonly HeldSegment[]): HeldSegment[] =>
  segments.map((segment) => ({ ...segment, isOpen: false }))
