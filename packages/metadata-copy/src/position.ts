/**
 * Where the metadata was: an `Epoch`, start and transactions. A later start is later whatever its transactions; the nonce tells
 * starts with one number apart, which are of two histories and do not compare.
 */
import { type Epoch } from '@dfs/protocol'

/** Below 0 if `one` is earlier, 0 if neither is; says nothing of two histories. */
export const comparePositions = (one: Epoch, other: Epoch): number =>
  one.counter !== other.counter ? one.counter - other.counter : one.sequence - other.sequence

export const isSamePosition = (one: Epoch, other: Epoch): boolean =>
  one.counter === other.counter && one.nonce === other.nonce && one.sequence === other.sequence

/** Whether these are two starts with one number: no history has both. */
export const areTwoHistories = (one: Epoch, other: Epoch): boolean =>
  one.counter === other.counter && one.nonce !== other.nonce

/** For people. */
export const describePosition = ({ counter, nonce, sequence }: Epoch): string =>
  `transaction ${sequence} of start ${counter} (${nonce})`
