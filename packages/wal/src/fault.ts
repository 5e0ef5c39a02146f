/** A frame that does not add up, with what is known of its neighbours. */
import { type Pair } from './format.ts'

export interface Fault {
  readonly frame: number
  /** The whole frame, as it was found. */
  readonly bytes: Uint8Array
  /** The sum before it, as the frame before it says. */
  readonly from: Pair
  /** Whether the frame before it is valid, so that `from` can be relied on. */
  readonly isFromSure: boolean
  /** What the frame behind it adds up from: this one's sum as stored, as computed from its bytes, or neither. */
  next: 'stored' | 'computed' | 'neither'
}
