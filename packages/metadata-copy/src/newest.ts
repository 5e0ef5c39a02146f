/** Which of several copies to take: the one whose last piece is the newest, however long the others are. */
import { type Epoch } from '@dfs/protocol'
import { areTwoHistories, comparePositions } from './position.ts'

/** Where a copy is; null if it has no complete snapshot. */
export interface PlacedCopy {
  readonly position: Epoch | null
}

interface Placed {
  readonly position: Epoch
}

/** Newest first, by the (start, transaction) of the last piece; those that are nowhere are left out. Equal ones keep their order. */
export const rankCopies = <T extends PlacedCopy>(copies: readonly T[]): (T & Placed)[] =>
  copies
    .filter((copy): copy is T & Placed => copy.position !== null)
    .toSorted((one, other) => comparePositions(other.position, one.position))

/** Null if none of them is anywhere. */
export const chooseNewest = <T extends PlacedCopy>(copies: readonly T[]): (T & Placed) | null =>
  rankCopies(copies)[0] ?? null

/** Two copies of which no history has both: starts with one number that differ. Null if there are none. */
export function findTwoHistories<T extends PlacedCopy>(copies: readonly T[]): [T, T] | null {
  const placed = rankCopies(copies)
  for (const [index, one] of placed.entries()) {
    const other = placed[index + 1]
    if (other !== undefined && areTwoHistories(one.position, other.position)) return [one, other]
  }
  return null
}
