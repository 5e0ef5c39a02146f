/**
 * A component laid out in time for the search: its calls and returns in order, and what is open at each return. Every
 * operation has one bit, so that a set of operations is one integer; a bit is used again when its operation has returned,
 * which keeps the integers as small as the concurrency, not as large as the history.
 */
import { isOptional, type ModelOperation } from './model.ts'

export interface Placed {
  readonly operation: ModelOperation
  readonly bit: bigint
  /**
   * Bit of the optional operation called just before this one that has the same guard and the same effect, or 0n. The two
   * are interchangeable and the other may come earlier, so this one is worth trying only after the other.
   */
  readonly twinBit: bigint
}

export interface CallEvent {
  readonly kind: 'call'
  readonly placed: Placed
  /** No operation that has a return was open just before. */
  readonly isQuiet: boolean
}

export interface ReturnEvent {
  readonly kind: 'return'
  readonly placed: Placed
  /** What is open besides, by return time: operations with an effect, and those without. */
  readonly changing: readonly Placed[]
  readonly reading: readonly Placed[]
  /** How many of the timeline's optional operations had been called. */
  readonly optionalCount: number
}

export interface Timeline {
  readonly events: readonly (CallEvent | ReturnEvent)[]
  /** By call time. */
  readonly optional: readonly Placed[]
}

export function layOut(operations: readonly ModelOperation[]): Timeline {
  const bits = new Bits()
  const open = new Map<ModelOperation, Placed>()
  const events: (CallEvent | ReturnEvent)[] = []
  const optional: Placed[] = []
  const lastTwin = new Map<string, bigint>()
  for (const { operation, isCall } of moments(operations)) {
    if (isCall && isOptional(operation)) {
      const kin = JSON.stringify([operation.guard, operation.effect], withSets)
      const placed = { operation, bit: bits.take(), twinBit: lastTwin.get(kin) ?? 0n }
      lastTwin.set(kin, placed.bit)
      optional.push(placed)
      continue
    }
    if (isCall) {
      const placed = { operation, bit: bits.take(), twinBit: 0n }
      events.push({ kind: 'call', placed, isQuiet: open.size === 0 })
      open.set(operation, placed)
      continue
    }
    const placed = open.get(operation)
    if (placed === undefined) continue
    open.delete(operation)
    bits.giveBack(placed.bit)
    const others = [...open.values()].toSorted((a, b) => a.operation.returnMs - b.operation.returnMs)
    events.push({
      kind: 'return',
      placed,
      changing: others.filter((other) => other.operation.effect !== null),
      reading: others.filter((other) => other.operation.effect === null),
      optionalCount: optional.length,
    })
  }
  return { events, optional }
}

interface Moment {
  readonly atMs: number
  readonly operation: ModelOperation
  readonly isCall: boolean
}

/** In order of time; at equal times calls come first, so that the operations count as overlapping. */
function moments(operations: readonly ModelOperation[]): Moment[] {
  return operations
    .flatMap((operation) => [
      { atMs: operation.callMs, operation, isCall: true },
      { atMs: operation.returnMs, operation, isCall: false },
    ])
    .toSorted((a, b) => a.atMs - b.atMs || Number(b.isCall) - Number(a.isCall))
}

const withSets = (_key: string, value: unknown): unknown =>
  value instanceof Set ? [...value].map(String).toSorted((a, b) => (a < b ? -1 : 1)) : value

class Bits {
  readonly #free: bigint[] = []
  #count = 0n

  take(): bigint {
    return this.#free.pop() ?? 1n << this.#count++
  }

  giveBack(bit: bigint): void {
    this.#free.push(bit)
  }
}
