/** A binary heap of events, ordered by time and, at one time, by the order in which they were added. */

/** Whoever an event belongs to decides whether it may happen when it is due. */
export interface EventOwner {
  readonly node: string
  admit(event: SimEvent): boolean
}

export interface SimEvent {
  readonly timeMs: number
  readonly sequence: number
  /** Whose event it is; null for those of the simulation itself. */
  readonly life: EventOwner | null
  readonly label: string
  /** What happens; null once it was cancelled. */
  action: (() => void) | null
}

export class EventQueue {
  readonly #heap: SimEvent[] = []

  get count(): number {
    return this.#heap.length
  }

  peek(): SimEvent | null {
    return this.#heap[0] ?? null
  }

  push(event: SimEvent): void {
    const heap = this.#heap
    let index = heap.length
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (isBefore(heap[parent]!, event)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = event
  }

  pop(): SimEvent | null {
    const first = this.#heap[0]
    const last = this.#heap.pop()
    if (first === undefined || last === undefined) return null
    if (this.#heap.length > 0) this.#sinkFromTop(last)
    return first
  }

  #sinkFromTop(event: SimEvent): void {
    const heap = this.#heap
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (isBefore(event, heap[child]!)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = event
  }
}

const isBefore = (left: SimEvent, right: SimEvent): boolean =>
  left.timeMs < right.timeMs || (left.timeMs === right.timeMs && left.sequence < right.sequence)
