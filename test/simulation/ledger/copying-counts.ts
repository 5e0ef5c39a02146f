/** How much was done to copies in a run, as the master decided and heard it: runs in which nothing was done prove nothing. */
import { type CopyOrder } from '@dfs/protocol'

/** Each is a number of copies, but for orders. */
export interface CopyingFigures {
  /** Decided to be made. */
  ordered: number
  made: number
  /** Made by a server that had started again with a part of them. */
  resumed: number
  /** There but for records that nobody had. */
  incomplete: number
  /** Given up by the server that was to make them. */
  failed: number
  cancelled: number
  /** Of other volumes than deleted ones, and let go when others were enough. */
  released: number
  /** Found damaged when one was made from them or others of their volume, and whole again. */
  mended: number
  /** Of an earlier start of the master, given again by a later one. */
  ordersRepeated: number
}

export class CopyingCounts {
  readonly figures: CopyingFigures = {
    ordered: 0,
    made: 0,
    resumed: 0,
    incomplete: 0,
    failed: 0,
    cancelled: 0,
    released: 0,
    mended: 0,
    ordersRepeated: 0,
  }
  /** Copies of which a part was there when their server started again. */
  readonly #interrupted = new Set<number>()
  /** The starts of the master that have ordered a copy. */
  readonly #orderedIn = new Map<number, Set<number>>()
  /** Copies that were whole, and are damaged. */
  readonly #damaged = new Set<number>()

  noteInterrupted(replica: number): void {
    this.#interrupted.add(replica)
  }

  noteMade(replica: number): void {
    this.figures.made += 1
    if (this.#interrupted.has(replica)) this.figures.resumed += 1
  }

  noteOrders(orders: readonly CopyOrder[], epoch: number): void {
    for (const { replica } of orders) {
      const epochs = this.#orderedIn.get(replica) ?? new Set<number>()
      if (epochs.size > 0 && !epochs.has(epoch)) this.figures.ordersRepeated += 1
      this.#orderedIn.set(replica, epochs.add(epoch))
    }
  }

  /** What is said of a copy that is not being made, of a volume of which one was. */
  noteCondition(replica: number, { isWhole, isDamaged }: { isWhole: boolean; isDamaged: boolean }): void {
    if (isDamaged) this.#damaged.add(replica)
    else if (isWhole && this.#damaged.delete(replica)) this.figures.mended += 1
  }
}
