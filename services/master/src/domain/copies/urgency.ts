/**
 * Who goes first. Only a few copies can be made at a time, so of thousands of volumes a few are needed in order, and those at once:
 * a heap gives them without sorting the rest.
 */
import { type VolumeDraft } from './draft.ts'

export interface Urgent {
  readonly volume: VolumeDraft
  /** Copies that a reader is sure of. */
  readonly whole: number
}

/**
 * The fewest whole copies first. Of equal ones those that hold anything before those that do not, which are about to be deleted; then the
 * fewest bytes, since so the most volumes are safe soonest.
 */
export function compareUrgency(one: Urgent, other: Urgent): number {
  return (
    one.whole - other.whole ||
    Number(one.volume.liveBytes === 0) - Number(other.volume.liveBytes === 0) ||
    one.volume.sealedBytes - other.volume.sealedBytes ||
    one.volume.id - other.volume.id
  )
}

export class UrgencyHeap {
  readonly #items: Urgent[] = []

  get size(): number {
    return this.#items.length
  }

  add(item: Urgent): void {
    const items = this.#items
    let at = items.push(item) - 1
    for (let above = (at - 1) >> 1; at > 0; at = above, above = (at - 1) >> 1) {
      if (compareUrgency(item, items[above]!) >= 0) break
      items[at] = items[above]!
      items[above] = item
    }
  }

  /** The most urgent one, which is taken out. */
  next(): Urgent | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (items.length === 0 || last === undefined) return first
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      if (left >= items.length) break
      const right = left + 1
      const isRight = right < items.length && compareUrgency(items[right]!, items[left]!) < 0
      const below = isRight ? right : left
      if (compareUrgency(last, items[below]!) <= 0) break
      items[at] = items[below]!
      at = below
    }
    items[at] = last
    return first
  }
}
