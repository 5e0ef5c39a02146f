/**
 * What is the matter with a copy that is not good, and how what is stored stands as a whole. Which copies are good is decided in
 * copies/good-copies.ts. What was not heard is told apart from what is gone, because nobody knows.
 */
import { type ContentCondition, type CopyCondition } from '@dfs/protocol'
import { type Grade } from '../../metadata/copy-store.ts'
import { isGood } from '../copies/good-copies.ts'
import { type Replica, type Volume } from '../metadata/volume.ts'
import { type SeenServers } from './seen-servers.ts'

export function conditionOf(copy: Replica, seen: SeenServers): CopyCondition {
  if (copy.state === 'lost') return 'lost'
  if (copy.state === 'dropping') return 'leaving'
  if (copy.state === 'copying') return 'copying'
  if (isGood(copy, seen)) return 'good'
  if (seen.isAwaited(copy.server)) return 'not-heard'
  if (!seen.isThere(copy.server)) return 'server-gone'
  // Only one that is there can be read, as far as it goes.
  return copy.state === 'damaged' || copy.isFoundDamaged ? 'damaged' : 'verifying'
}

export interface Conditions {
  readonly conditions: readonly CopyCondition[]
  readonly wanted: number
  /** Whether there were more copies once, of which nothing is left. */
  readonly hadMore: boolean
}

export function gradeOf({ conditions, wanted, hadMore }: Conditions): Grade {
  let [good, verifying, notHeard, damaged, made] = [0, 0, 0, 0, conditions.length]
  for (const condition of conditions) {
    if (condition === 'good') good += 1
    else if (condition === 'verifying') verifying += 1
    else if (condition === 'not-heard') notHeard += 1
    else if (condition === 'damaged') damaged += 1
    else if (condition === 'copying' || condition === 'leaving') made -= 1
  }
  const isNarrow = made < wanted && !hadMore
  const isHopeful = good + verifying + notHeard >= (isNarrow ? made : wanted)
  return {
    good,
    condition: contentCondition({ good, verifying, notHeard, damaged }, wanted),
    isHopeful,
    isNarrow,
  }
}

export const conditionsOf = (volume: Volume, seen: SeenServers): CopyCondition[] =>
  volume.replicas.map((copy) => conditionOf(copy, seen))

export const gradeOfVolume = (volume: Volume, seen: SeenServers, wanted: number): Grade =>
  gradeOf({ conditions: conditionsOf(volume, seen), wanted, hadMore: volume.hasDropped })

function contentCondition(
  {
    good,
    verifying,
    notHeard,
    damaged,
  }: Readonly<Record<'good' | 'verifying' | 'notHeard' | 'damaged', number>>,
  wanted: number,
): ContentCondition {
  if (good > 0) return good < wanted ? 'short' : 'whole'
  if (verifying > 0) return 'unverified'
  // It can be read as far as the damaged ones go, and one that is whole may still be reported.
  if (damaged > 0) return notHeard > 0 ? 'unverified' : 'damaged'
  return notHeard > 0 ? 'not-seen' : 'lost'
}

const WORST: Readonly<Record<ContentCondition, number>> = {
  lost: 0,
  'not-seen': 1,
  damaged: 2,
  unverified: 3,
  short: 4,
  whole: 4,
}

/** A number that orders grades: the weaker, the lower; equal ones are the same grade. */
export const strengthOf = ({ good, condition, isHopeful, isNarrow }: Grade): number =>
  4 * (WORST[condition] + good) + (isHopeful ? 2 : 0) + (isNarrow ? 0 : 1)

export const weaker = (a: Grade, b: Grade): Grade => (strengthOf(b) < strengthOf(a) ? b : a)
