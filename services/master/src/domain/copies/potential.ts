/**
 * Φ: one number of several digits that says how far the copies are from what they should be. Repair, drain, balance and clearing away
 * are no programs of their own that could fight each other: each of their actions must lower Φ, as it will be when the action is done, or
 * is not taken. Since Φ is made of counts, and of bytes moved by a tenth of a disk at least, no plan goes on for ever,
 * and nothing is moved back.
 *
 * The digits are compared in their order. "No counted copy" is one of its own: the first new copy of a volume whose copies are all on
 * servers that drain raises the count of those with one.
 */
import { ClusterState, type ServerState } from './cluster-state.ts'
import { type Tally, tallyOf } from './tally.ts'
import { type CopyLimits, type CopyView } from './view.ts'

export const POTENTIAL_TERMS = [
  'volumes with no counted copy',
  'volumes with one, where more are wanted',
  'copies missing',
  'copies on draining servers that are not decided to go',
  'copies beyond what is wanted',
  'zone collisions',
  'used² / size',
  'copies to be cleared away',
] as const

const USE = 6

/** The digits in the order of {@link POTENTIAL_TERMS}, or a difference of two. */
export type Potential = readonly number[]

/** Φ of all volumes of the view; of a part of them its change is the same as of all. */
export function potentialOf(view: CopyView, limits: CopyLimits): Potential {
  const cluster = new ClusterState(view, limits)
  const use = cluster.up.reduce((sum, server) => sum + server.usedBytes ** 2 / server.totalBytes, 0)
  const terms = view.volumes.map((volume) => termsOf(tallyOf(cluster, volume), volume.wanted))
  return POTENTIAL_TERMS.map((_, index) => {
    return terms.reduce((sum, term) => sum + term[index]!, index === USE ? use : 0)
  })
}

/** What one volume adds to Φ; its bytes are counted at the servers. */
export function termsOf(tally: Tally, wanted: number): Potential {
  const { counted, draining, collisions, leftover } = tally
  const none = counted === 0 ? 1 : 0
  const one = counted === 1 && wanted > 1 ? 1 : 0
  const missing = Math.max(0, wanted - counted)
  const excess = Math.max(0, counted - wanted)
  return [none, one, missing, draining, excess, collisions, 0, leftover]
}

/** Bytes that a server gets, or is rid of, when an action is done. */
export interface UseChange {
  readonly server: ServerState
  readonly bytes: number
}

/** How Φ changes. Servers that are not up have no part in its use. */
export function changeOf(before: Potential, after: Potential, changes: readonly UseChange[]): Potential {
  const use = changes.reduce((sum, change) => sum + useChangeOf(change), 0)
  return after.map((term, index) => (index === USE ? use : term - before[index]!))
}

export function useChangeOf({ server, bytes }: UseChange): number {
  const { isUp, usedBytes, view } = server
  return isUp ? (bytes * (2 * usedBytes + bytes)) / view.totalBytes : 0
}

/** Whether the first digit that changes falls. */
export const isLower = (change: Potential): boolean => (change.find((term) => term !== 0) ?? 0) < 0
